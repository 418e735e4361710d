//! What a key may be used for, what a disabled environment answers, and where events go.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use terra_auth_core::admin::action::Admin;
use terra_auth_types::{
    Scope,
    wire::admin::{ChangeEnvironment, CreateKey},
};

use crate::support::{Answer, TestApp};

/// Every operation that takes a key: method, path, and what it asks of the key.
const ASKED: [(&str, &str, Scope); 16] = [
    ("POST", "/v2/auth/authenticateUser?resource=FITBIT", Scope::AuthWrite),
    ("POST", "/v2/auth/generateWidgetSession", Scope::AuthWrite),
    ("POST", "/v2/auth/generateAuthToken", Scope::AuthWrite),
    ("POST", "/v2/auth/tokens", Scope::AuthWrite),
    ("POST", "/api/widget/session", Scope::AuthWrite),
    ("POST", "/widget/session", Scope::AuthWrite),
    ("POST", "/widget/api/session", Scope::AuthWrite),
    ("POST", "/auth/developer", Scope::AuthWrite),
    ("POST", "/auth/user?id=00000000-0000-4000-8000-000000000000", Scope::AuthWrite),
    ("GET", "/v2/userInfo?reference_id=alice", Scope::ConnectionsRead),
    ("POST", "/v2/bulkUserInfo", Scope::ConnectionsRead),
    ("GET", "/v2/subscriptions", Scope::ConnectionsRead),
    ("GET", "/v2/subscriptions?page=0", Scope::ConnectionsRead),
    ("DELETE", "/v2/auth/deauthenticateUser?user_id=00000000-0000-4000-8000-000000000000", Scope::ConnectionsWrite),
    ("GET", "/v2/webhooks/destination", Scope::WebhooksWrite),
    ("PUT", "/v2/webhooks/destination", Scope::WebhooksWrite),
];

pub(crate) async fn key_with(app: &TestApp, scope: Scope) -> String {
    let new = CreateKey { name: scope.to_string(), scopes: Some([scope].into_iter().collect()), expires_in_days: None };
    let issued = app.auth.create_api_key(&Admin::local("tests"), &app.keys.dev_id, &new).await.unwrap();
    issued.api_key.expose().to_owned()
}

/// The code and the message, of a problem or of the widget call's own error.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let error = answer.json();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), text("code"), text("message"))
}

#[tokio::test]
async fn a_key_permits_exactly_the_operations_of_its_scopes() {
    let app = TestApp::start().await;
    for has in Scope::ALL {
        let key = key_with(&app, has).await;
        for (method, path, asked) in ASKED {
            let answer = app.call(&key, method, path).await;
            if has == asked {
                assert!(answer.status != 401 && refusal(&answer).1 != "scope_missing", "{has}: {path}: {answer:?}");
            } else {
                let message = format!("this key lacks the scope {asked}");
                assert_eq!(refusal(&answer), (403, "scope_missing".to_owned(), message), "{has}: {path}");
            }
        }
    }
}

#[tokio::test]
async fn basic_credentials_need_the_scope_too() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let app = TestApp::start().await;
    let pair = format!("{}:{}", app.keys.dev_id, key_with(&app, Scope::ConnectionsRead).await);
    let request = Request::post("/auth/developer").header("authorization", format!("Basic {}", STANDARD.encode(pair)));
    let answer = app.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((answer.refusal().0, &*answer.refusal().1), (403, "scope_missing"));
}

#[tokio::test]
async fn public_operations_need_no_scope() {
    let app = TestApp::start().await;
    let key = key_with(&app, Scope::WebhooksWrite).await;
    for path in ["/v2/integrations", "/v2/integrations/detailed"] {
        assert_eq!(app.call(&key, "GET", path).await.status, 200);
    }
}

#[tokio::test]
async fn a_disabled_environment_refuses_every_call_and_loses_nothing() {
    let app = TestApp::start().await;
    let user = app.connected_user("FITBIT", "alice").await;
    let token = app.post_nothing("/v2/auth/tokens").await.json()["token"].as_str().unwrap().to_owned();
    app.change(ChangeEnvironment { active: Some(false), ..ChangeEnvironment::default() }).await;
    for (method, path, _) in ASKED {
        let (status, code, _) = refusal(&app.call(app.keys.api_key.expose(), method, path).await);
        assert_eq!((status, &*code), (403, "environment_disabled"), "{path}");
    }
    let wrong = app.call("wrong", "GET", "/v2/subscriptions").await;
    assert_eq!(wrong.problem().0, 401, "only who holds a key is told");
    let redeem = Request::post("/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=a");
    let redeem = redeem.header("dev-id", app.keys.dev_id.as_str()).header("authorization", format!("Bearer {token}"));
    assert_eq!(app.send(redeem.body(Body::empty()).unwrap()).await.refusal().1, "environment_disabled");

    app.change(ChangeEnvironment { active: Some(true), ..ChangeEnvironment::default() }).await;
    assert_eq!(app.get(&format!("/v2/userInfo?user_id={user}")).await.json()["is_authenticated"], true);
}

async fn put(app: &TestApp, body: Value) -> Answer {
    let request = app.request("PUT", "/v2/webhooks/destination").header("content-type", "application/json");
    app.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_key_changes_where_events_are_posted_and_the_audit_log_names_it() {
    let app = TestApp::start().await;
    for destination in [json!("https://acme.example/hook"), json!("http://localhost:3000/hook"), Value::Null] {
        let answer = put(&app, json!({ "destination": destination })).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["destination"]), (200, &destination));
        assert_eq!(app.get("/v2/webhooks/destination").await.json()["destination"], destination);
    }
    let line = app.auth.audit_page(0, 500).await.unwrap().entries.pop().unwrap();
    let key = app.keys.api_key.expose();
    assert_eq!(line.actor, format!("api key first key (…{})", &key[key.len() - 4..]));
    assert_eq!(
        (&*line.action, line.dev_id.as_ref(), line.allowed),
        ("environment.change", Some(&app.keys.dev_id), true)
    );
}

#[tokio::test]
async fn a_destination_that_is_not_safe_is_refused() {
    let app = TestApp::start().await;
    for body in [
        json!({"destination": "http://acme.example/hook"}),
        json!({"destination": "ftp://acme.example"}),
        json!({"destination": "hook"}),
        json!({"destination": "https://acme.example", "name": "Other"}),
        json!({}),
    ] {
        assert_eq!(put(&app, body.clone()).await.problem().0, 400, "{body}");
    }
    assert_eq!(app.get("/v2/webhooks/destination").await.json()["destination"], Value::Null);
}
