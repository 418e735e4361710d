use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;

use crate::support::TestApp;

/// What this server answers, written down from `docs/compatibility.md`: the published contract, and what is ours.
const OPERATIONS: [(&str, &str); 47] = [
    ("delete", "/api/v3/admin/environments/{dev_id}"),
    ("delete", "/api/v3/admin/environments/{dev_id}/keys/{key_id}"),
    ("delete", "/api/v3/admin/tokens/{token_id}"),
    ("get", "/api/v3/admin/audit"),
    ("get", "/api/v3/admin/audit/verify"),
    ("get", "/api/v3/admin/environments"),
    ("get", "/api/v3/admin/environments/{dev_id}"),
    ("get", "/api/v3/admin/environments/{dev_id}/connections"),
    ("get", "/api/v3/admin/environments/{dev_id}/connections/{user_id}"),
    ("get", "/api/v3/admin/environments/{dev_id}/contents"),
    ("get", "/api/v3/admin/environments/{dev_id}/provider-apps"),
    ("put", "/api/v3/admin/environments/{dev_id}/provider-apps/{provider}"),
    ("delete", "/api/v3/admin/environments/{dev_id}/provider-apps/{provider}"),
    ("post", "/api/v3/admin/environments/{dev_id}/provider-apps/{provider}/rotate"),
    ("get", "/api/v3/admin/environments/{dev_id}/keys"),
    ("get", "/api/v3/admin/environments/{dev_id}/revocations"),
    ("get", "/api/v3/admin/tokens"),
    ("get", "/api/v3/admin/vault"),
    ("get", "/api/v3/admin/vault/rotation"),
    ("patch", "/api/v3/admin/environments/{dev_id}"),
    ("post", "/api/v3/admin/environments"),
    ("post", "/api/v3/admin/environments/{dev_id}/connections/import"),
    ("post", "/api/v3/admin/environments/{dev_id}/keys"),
    ("post", "/api/v3/admin/environments/{dev_id}/keys/{key_id}/rotate"),
    ("post", "/api/v3/admin/environments/{dev_id}/migration/invitations"),
    ("post", "/api/v3/admin/environments/{dev_id}/signing-secret/rotate"),
    ("post", "/api/v3/admin/environments/{dev_id}/connections/{user_id}/access-token"),
    ("post", "/api/v3/admin/environments/{dev_id}/provider-apps/{provider}/check"),
    ("post", "/api/v3/admin/tokens"),
    ("post", "/api/v3/admin/vault/master-key/rotate"),
    ("post", "/api/v3/admin/vault/rotation"),
    ("get", "/v2/webhooks/destination"),
    ("put", "/v2/webhooks/destination"),
    ("delete", "/v2/auth/deauthenticateUser"),
    ("get", "/v2/integrations"),
    ("get", "/v2/integrations/detailed"),
    ("get", "/v2/subscriptions"),
    ("get", "/v2/userInfo"),
    ("post", "/api/widget/session"),
    ("post", "/auth/developer"),
    ("post", "/auth/user"),
    ("post", "/v2/auth/authenticateSDKUser"),
    ("post", "/v2/auth/authenticateUser"),
    ("post", "/v2/auth/generateAuthToken"),
    ("post", "/v2/auth/generateWidgetSession"),
    ("post", "/v2/auth/tokens"),
    ("post", "/v2/bulkUserInfo"),
];

fn document() -> serde_json::Value {
    serde_json::to_value(terra_auth_server::openapi()).unwrap()
}

#[test]
fn the_committed_document_is_the_one_the_routes_make() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json")).unwrap();
    let made = format!("{}\n", serde_json::to_string_pretty(&terra_auth_server::openapi()).unwrap());
    assert!(committed == made, "openapi.json is out of date: run `cargo xtask openapi`");
}

#[test]
fn the_document_has_every_operation_and_no_other() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let made: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())))
        .collect();
    let expected: BTreeSet<_> =
        OPERATIONS.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(made, expected);
}

#[tokio::test]
async fn every_documented_operation_is_answered() {
    let app = TestApp::start().await;
    for (method, path) in OPERATIONS {
        let request = Request::builder().method(method.to_ascii_uppercase().as_str()).uri(path);
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert!(answer.status != 404 && answer.status != 405, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn the_docs_page_loads_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.send(Request::get("/docs/").body(Body::empty()).unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("https://") && !page.text.contains("//cdn"), "{}", page.text);
    let document = app.send(Request::get("/openapi.json").body(Body::empty()).unwrap()).await;
    assert_eq!(document.json()["info"]["title"], "terra-auth");
}

/// Every place in the answers of the published calls where the published contract allows `null`.
const NULLABLE: [&str; 8] = [
    "active",
    "created_at",
    "last_polled_at",
    "last_webhook_update",
    "most_recent_data_at",
    "next",
    "reference_id",
    "scopes",
];

#[test]
fn no_published_answer_is_null_where_the_published_contract_has_no_null() {
    let document = document();
    let answers = [
        "AuthToken",
        "AuthenticateUser",
        "DataTypes",
        "Deauthenticated",
        "Integration",
        "IntegrationName",
        "Integrations",
        "IntegrationsDetailed",
        "Problem",
        "SubscriptionsAnswer",
        "SubscriptionsPage",
        "TerraUser",
        "UserDetails",
        "UserInfo",
        "WidgetError",
        "WidgetSession",
    ];
    let mut nullable = BTreeSet::new();
    for answer in answers {
        let schema = &document["components"]["schemas"][answer];
        assert!(schema.is_object(), "{answer}");
        let parts = schema["allOf"].as_array().map_or(vec![schema], |parts| parts.iter().collect());
        for (name, field) in parts.into_iter().filter_map(|part| part["properties"].as_object()).flatten() {
            if field.to_string().contains("\"null\"") {
                nullable.insert(name.as_str());
            }
        }
    }
    assert_eq!(nullable, BTreeSet::from(NULLABLE));
}

#[test]
fn both_forms_of_a_user_list_are_declared() {
    let document = document();
    let schema = |path: &str| {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
        let name = content["schema"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        document["components"]["schemas"][name].clone()
    };
    let fields = schema("/v2/subscriptions")["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields, ["data", "max_page", "next", "results", "status", "users"]);
    let forms = schema("/v2/userInfo")["oneOf"].clone();
    assert_eq!(forms[0]["$ref"], "#/components/schemas/UserInfo");
    assert_eq!(forms[1]["items"]["$ref"], "#/components/schemas/TerraUser");
}
