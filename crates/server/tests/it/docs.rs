use std::collections::BTreeSet;

use axum::body::Body;
use http::Request;
use serde_json::Value;

use crate::{json_schema, support::TestApp};

/// What this server answers, written down from `docs/compatibility.md`: the published contract, and what is ours.
const OPERATIONS: [(&str, &str); 55] = [
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
    ("get", "/api/v3/admin/environments/{dev_id}/destinations"),
    ("post", "/api/v3/admin/environments/{dev_id}/destinations"),
    ("patch", "/api/v3/admin/environments/{dev_id}/destinations/{destination_id}"),
    ("delete", "/api/v3/admin/environments/{dev_id}/destinations/{destination_id}"),
    ("get", "/api/v3/admin/environments/{dev_id}/deliveries"),
    ("post", "/api/v3/admin/environments/{dev_id}/deliveries/replay"),
    ("post", "/api/v3/admin/environments/{dev_id}/events"),
    ("get", "/api/v3/admin/environments/{dev_id}/events/{event_id}"),
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

fn document() -> Value {
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
async fn every_page_of_the_reference_loads_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let document = document();
    let ids: Vec<&str> =
        operations(&document).map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    assert!(ids.contains(&"generate_widget_session") && ids.contains(&"event_auth"), "{ids:?}");
    let pages = ids.iter().map(|id| format!("/docs/{id}")).chain(["/docs", "/docs/", "/docs?q=key"].map(str::to_owned));
    for path in pages {
        let page = app.page(&path, &[]).await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"), "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"), "{path}");
        let loads = ["<script", "<iframe", " src=\"http", "<link rel=\"stylesheet\" href=\"http", " style=\""];
        assert!(!loads.iter().any(|load| page.text.contains(load)), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn a_search_of_the_reference_finds_names_and_paths() {
    let app = TestApp::start().await;
    let found = app.page("/docs?q=WIDGET", &[]).await.text;
    assert!(found.contains("/docs/generate_widget_session") && found.contains("Found for “WIDGET”"), "{found}");
    let main = found.split("<nav").next().unwrap();
    assert!(!main.contains("/docs/audit_page"), "{main}");
    let attack = app.page("/docs?q=%3Cscript%3E", &[]).await.text;
    assert!(attack.contains("&#60;script&#62;") && !attack.contains("<script>"), "{attack}");
    assert_eq!(app.page("/docs/no_such_operation", &[]).await.problem().0, 404);
}

#[tokio::test]
async fn the_document_names_the_address_of_its_server() {
    let app = TestApp::start().await;
    let served = app.page("/openapi.json", &[]).await;
    assert_eq!(served.header("content-type"), "application/json");
    assert_eq!(served.json()["servers"], serde_json::json!([{"url": crate::support::WIDGET}]));
    assert_eq!(served.json()["paths"], document()["paths"]);
}

#[test]
fn every_event_is_a_webhook_of_the_document() {
    let document = document();
    let webhooks: BTreeSet<&str> = document["webhooks"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(webhooks, BTreeSet::from(terra_auth_types::wire::Event::TYPES));
    for (name, webhook) in document["webhooks"].as_object().unwrap() {
        let body = &webhook["post"]["requestBody"]["content"]["application/json"];
        let event: terra_auth_types::wire::Event = serde_json::from_value(body["example"].clone()).unwrap();
        assert_eq!((event.kind(), &body["example"]["type"]), (name.as_str(), &Value::from(name.as_str())));
        assert_eq!(serde_json::to_value(&event).unwrap(), body["example"], "{name}");
    }
}

/// Method, path and description of each operation and event.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let items = ["paths", "webhooks"].into_iter().flat_map(|part| document[part].as_object().unwrap());
    items.flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
    })
}

/// Every body of the document: where it is, its schema, its examples.
fn bodies(document: &Value) -> Vec<(String, &Value, Vec<&Value>)> {
    let mut bodies = Vec::new();
    for (method, path, operation) in operations(document) {
        let answers = operation["responses"].as_object().unwrap().iter();
        let parts =
            answers.map(|(status, answer)| (status.as_str(), answer)).chain([("body", &operation["requestBody"])]);
        for (part, body) in parts {
            for (_, content) in body["content"].as_object().into_iter().flatten() {
                let named = content["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]);
                let examples = named.chain(content.get("example")).collect();
                bodies.push((format!("{method} {path} {part}"), &content["schema"], examples));
            }
        }
    }
    bodies
}

#[test]
fn every_body_has_an_example_that_fits_its_schema() {
    let document = document();
    let bodies = bodies(&document);
    assert!(bodies.len() > 200, "{}", bodies.len());
    for (place, schema, examples) in bodies {
        assert!(!examples.is_empty(), "{place} has no example");
        for example in examples {
            assert!(!example.to_string().contains("an example is missing"), "{place}: {example}");
            assert_eq!(json_schema::faults(&document, schema, example), Vec::<String>::new(), "{place}: {example}");
        }
    }
}

#[tokio::test]
async fn the_server_accepts_every_documented_request_example() {
    let app = TestApp::start().await;
    let owner = app.token(terra_auth_types::wire::admin::Role::Owner).await;
    let document = document();
    for (method, path, operation) in operations(&document).filter(|(_, path, _)| path.starts_with('/')) {
        let body = &operation["requestBody"]["content"]["application/json"]["example"];
        if body.is_null() {
            continue;
        }
        let path = path.replace("{dev_id}", app.keys.dev_id.as_str()).replace("{provider}", "garmin");
        let path = path.replace("{key_id}", "3f1b6c52-9c1e-4c6b-8f0a-5d2f7b9e4a11");
        let request =
            app.request(&method.to_ascii_uppercase(), &path).header("authorization", format!("Bearer {owner}"));
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap();
        let answer = app.send(request).await;
        assert!(answer.status.is_success() || answer.status == 404, "{method} {path} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn the_server_returns_the_documented_error_example() {
    let app = TestApp::start().await;
    let owner = app.token(terra_auth_types::wire::admin::Role::Owner).await;
    let document = document();
    let example = |method: &str, path: &str, status: &str| {
        document["paths"][path][method]["responses"][status]["content"]["application/problem+json"]["example"].clone()
    };
    let missing = "/api/v3/admin/environments/acme-testing-4fd81c";
    let answer = app.admin(&owner, "GET", "/environments/acme-testing-4fd81c", Value::Null).await;
    assert_eq!(answer.json(), example("get", "/api/v3/admin/environments/{dev_id}", "404"));
    let answer = app.admin("wrong", "GET", "/environments/acme-testing-4fd81c", Value::Null).await;
    assert_eq!(answer.json(), example("get", "/api/v3/admin/environments/{dev_id}", "401"));
    assert_eq!(answer.json()["instance"], missing);
    let request = Request::get("/v2/webhooks/destination").header("dev-id", "acme").header("x-api-key", "wrong");
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json(), example("get", "/v2/webhooks/destination", "401"));
    assert_eq!(app.get("/v2/userInfo").await.json(), example("get", "/v2/userInfo", "400"));
    let user = "/v2/userInfo?user_id=3f1b6c52-9c1e-4c6b-8f0a-5d2f7b9e4a11";
    assert_eq!(app.get(user).await.json()["detail"], example("get", "/v2/userInfo", "404")["detail"]);
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
        "SubscriptionsResponse",
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
