//! What is accepted and what is refused: all that official clients send, and nothing that means nothing.

use serde_json::json;
use terra_auth_types::wire::admin::Role;

use crate::support::TestApp;

#[tokio::test]
async fn the_app_of_an_apple_health_link_is_one_of_two() {
    let app = TestApp::start().await;
    let path = "/v2/auth/authenticateUser?resource=FITBIT";
    for sdk_app in [json!("avengers"), json!("grip"), json!(null)] {
        let answer = app.post(path, json!({ "sdk_app": sdk_app })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let (status, detail) = app.post(path, json!({"sdk_app": "banana"})).await.problem();
    assert_eq!(status, 400);
    assert_eq!(detail, "invalid sdk_app: unknown variant `banana`, expected `avengers` or `grip`");
}

#[tokio::test]
async fn a_truth_value_is_true_or_false() {
    let app = TestApp::start().await;
    for good in ["", "?", "?sdk=true", "?sdk=True", "?sdk=false", "?sdk=1", "?unknown=1"] {
        assert_eq!(app.get(&format!("/v2/integrations/detailed{good}")).await.status, 200, "{good}");
    }
    for bad in ["banana", "", "2", "null"] {
        let (status, detail) = app.get(&format!("/v2/integrations/detailed?sdk={bad}")).await.problem();
        assert_eq!(status, 400, "{bad:?}");
        assert!(detail.starts_with("invalid sdk: "), "{detail}");
    }
}

#[tokio::test]
async fn a_number_outside_its_declared_bounds_is_refused() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    let environment = format!("/environments/{}", app.keys.dev_id);
    let lists = ["/audit".to_owned(), format!("{environment}/connections"), format!("{environment}/revocations")];
    for list in lists {
        for bad in ["0", "501", "-1", "", "ten", "4294967296"] {
            let answer = app.admin(&owner, "GET", &format!("{list}?limit={bad}"), json!(null)).await;
            assert_eq!(answer.status, 400, "{list} {bad:?}");
        }
        for good in ["1", "500"] {
            let answer = app.admin(&owner, "GET", &format!("{list}?limit={good}"), json!(null)).await;
            assert_eq!(answer.status, 200, "{list} {good}");
        }
    }
    for bad in ["page=-1", "page=2147483648", "page=0&per_page=0", "page=0&per_page=-1", "page=0&per_page="] {
        assert_eq!(app.get(&format!("/v2/subscriptions?{bad}")).await.status, 400, "{bad}");
    }
    let import = format!("{environment}/connections/import");
    for (counted, status) in
        [(json!(7), 200), (json!(7.0), 200), (json!(-1), 400), (json!(null), 400), (json!(7.5), 400)]
    {
        let answer = app.admin(&owner, "POST", &import, json!({"connections": [], "counted": counted})).await;
        assert_eq!(answer.status, status, "{counted}");
    }
}

#[tokio::test]
async fn an_array_is_never_read_as_an_object() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    let environment = format!("/environments/{}", app.keys.dev_id);
    let renamed = app.admin(&owner, "PATCH", &environment, json!(["Renamed"])).await;
    assert_eq!(renamed.refusal().2, "the JSON body cannot be read: it is not an object");
    let row = json!([null, "FITBIT", "account", null, null, null, null, "token", null, null]);
    let import = format!("{environment}/connections/import");
    assert_eq!(app.admin(&owner, "POST", &import, json!({"connections": [row]})).await.status, 400);
}

#[tokio::test]
async fn a_body_may_be_absent_where_every_field_is_optional() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    let rotate = format!("/environments/{}/signing-secret/rotate", app.keys.dev_id);
    let nulls = json!({"overlap_s": null, "now": null, "sign_with": null});
    assert_eq!(app.admin(&owner, "POST", &rotate, nulls).await.status, 201);
    let again = app.admin(&owner, "POST", &rotate, json!(null)).await;
    assert_eq!((again.status.as_u16(), again.refusal().1), (409, "refused".to_owned()));
    let document = serde_json::to_value(terra_auth_server::openapi()).unwrap();
    for (path, required) in [
        ("/api/v3/admin/environments/{dev_id}/signing-secret/rotate", json!(null)),
        ("/api/v3/admin/environments/{dev_id}/keys/{key_id}/rotate", json!(null)),
        ("/api/widget/session", json!(null)),
        ("/v2/auth/authenticateUser", json!(null)),
        ("/v2/auth/generateWidgetSession", json!(null)),
        ("/v2/bulkUserInfo", json!(true)),
    ] {
        assert_eq!(document["paths"][path]["post"]["requestBody"]["required"], required, "{path}");
    }
}
