use insta::assert_snapshot;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_user_is_deauthenticated_once() {
    let app = TestApp::start().await;
    app.set_destination().await;
    let user = app.connected_user("FITBIT", "alice").await;
    let path = format!("/v2/auth/deauthenticateUser?user_id={user}");
    let first = app.delete(&path).await;
    let again = app.delete(&path).await;

    assert_eq!((first.status.as_u16(), first.text.as_str()), (200, r#"{"status":"success","success":true}"#));
    assert_eq!(again.problem(), (404, "user not found".to_owned()));
    assert_eq!(app.auth.waiting().await.unwrap(), (2, 1)); // two events, one revocation
    let events = app.events().await;
    assert_eq!(events[1]["type"], "deauth");
    assert_eq!((&events[1]["user"]["user_id"], &events[1]["status"]), (&json!(user), &json!("success")));
}

#[tokio::test]
async fn a_user_is_invisible_to_another_environment() {
    let mut app = TestApp::start().await;
    let user = app.connected_user("FITBIT", "alice").await;
    app.keys = app.another().await;

    let by_id = app.get(&format!("/v2/userInfo?user_id={user}")).await;
    let by_reference = app.get("/v2/userInfo?reference_id=alice").await;
    let many = app.post("/v2/bulkUserInfo", json!([user])).await;
    let all = app.get("/v2/subscriptions").await;
    let deauth = app.delete(&format!("/v2/auth/deauthenticateUser?user_id={user}")).await;
    let stream = app.post_nothing(&format!("/auth/user?id={user}")).await;

    assert_eq!(by_id.problem(), (404, "user not found".to_owned()));
    assert_eq!((by_reference.json(), many.json(), &all.json()["users"]), (json!([]), json!([]), &json!([])));
    assert_eq!(deauth.problem().0, 404);
    assert_eq!(stream.problem(), (403, "the user does not belong to this developer".to_owned()));
}

#[tokio::test]
async fn a_user_is_shown_as_the_contract_says() {
    let app = TestApp::start().await;
    let user = app.connected_user("FITBIT", "alice").await;
    let shown = app.get(&format!("/api/v2/userInfo?user_id={user}")).await;
    let text = shown.text.replace(&user, "[user]");

    assert_snapshot!(text, @r#"{"user":{"user_id":"[user]","provider":"FITBIT","created_at":"2030-01-01T00:00:00.000000+00:00","last_webhook_update":null,"scopes":"activity,cardio_fitness,electrocardiogram,heartrate,irregular_rhythm_notifications,location,nutrition,oxygen_saturation,profile,respiratory_rate,settings,sleep,social,temperature,weight","reference_id":"alice","active":true,"last_polled_at":null,"most_recent_data_at":null},"status":"success","is_authenticated":true}"#);
}

#[tokio::test]
async fn a_reserved_user_id_exists_before_the_login_and_does_not_change() {
    let app = TestApp::start().await;
    let answer = app.post_nothing("/v2/auth/authenticateUser?resource=fitbit").await.json();
    let user = answer["user_id"].as_str().unwrap();
    let before = app.get(&format!("/v2/userInfo?user_id={user}")).await.json();
    let link: url::Url = answer["auth_url"].as_str().unwrap().parse().unwrap();
    let decision = crate::support::Decision::Approve;
    let (back, cookies) = app.at_provider(&crate::support::path_of(&link), "demo", decision).await;
    let end = app.page(&back, &cookies).await.location();
    let after = app.get(&format!("/v2/userInfo?user_id={user}")).await.json();

    assert_eq!((&before["is_authenticated"], &before["user"]["active"]), (&json!(false), &json!(false)));
    assert_eq!(crate::support::query(&end, "user_id").as_deref(), Some(user));
    assert_eq!(after["is_authenticated"], true);
}

#[tokio::test]
async fn pages_of_users_come_in_both_published_nestings() {
    let app = TestApp::start().await;
    for account in ["a", "b", "c"] {
        app.connected_account("FITBIT", account, account).await;
    }
    let first = app.get("/v2/subscriptions?page=0&per_page=2").await.json();
    let last = app.get("/v2/subscriptions?page=1&per_page=2").await.json();
    let beyond = app.get("/v2/subscriptions?page=2&per_page=2").await.json();

    assert_eq!((&first["next"], &first["max_page"]), (&json!(1), &json!(2)));
    assert_eq!((&first["data"]["next"], &first["data"]["max_page"]), (&json!(1), &json!(1)));
    assert_eq!(first["results"], first["data"]["results"]);
    assert_eq!(first["results"].as_array().unwrap().len(), 2);
    assert_eq!((&last["next"], last["results"].as_array().unwrap().len()), (&json!(null), 1));
    assert_eq!((&beyond["next"], beyond["results"].as_array().unwrap().len()), (&json!(null), 0));
    assert_eq!(app.get("/v2/subscriptions?").await.json()["users"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn malformed_queries_are_rejected_with_the_reason() {
    let app = TestApp::start().await;
    let bad = |answer: crate::support::Answer| answer.problem();
    assert_eq!(bad(app.get("/v2/userInfo").await), (400, "user_id or reference_id is missing".to_owned()));
    assert_eq!(bad(app.get("/v2/userInfo?user_id=42").await), (400, "invalid user_id".to_owned()));
    assert_eq!(bad(app.post("/v2/bulkUserInfo", json!(["42"])).await), (400, "invalid user_id".to_owned()));
    assert_eq!(bad(app.post("/v2/bulkUserInfo", json!({"a": 1})).await).0, 400);
    assert_eq!(bad(app.get("/v2/subscriptions?page=-1").await).0, 400);
    assert_eq!(
        bad(app.get("/v2/subscriptions?page=0&per_page=0").await),
        (400, "invalid per_page: invalid value: integer `0`, expected a whole number from 1 to 10000".to_owned())
    );
    assert_eq!(bad(app.get("/v2/subscriptions?page=0&per_page=10001").await).0, 400);
    assert_eq!(bad(app.delete("/v2/auth/deauthenticateUser").await).0, 400);
    assert_eq!(bad(app.delete("/v2/auth/deauthenticateUser?user_id=undefined").await).0, 404);
}
