//! Tokens that a provider gave and that no connection was made of: whatever fails on our side, they are given back.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use terra_auth_sandbox::{Fault, ProviderProfile};
use terra_auth_testkit::WriteFault::{self, AnswerLost, None as Made, Refused};

use crate::support::{Decision, TestApp, path_of, query};

const REQUIRED: &str = r#"[[provider]]
    provider = "FITBIT"
    name = "Fitbit"
    types = ["sleep"]
    [provider.login]
    authorize_url = "{base}/fitbit/authorize"
    token_url = "{base}/fitbit/token"
    client_auth = "basic"
    scopes = ["activity", "sleep"]
    required_scopes = ["sleep"]
    issuer = "{base}/fitbit"
    identity = { field = "user_id" }
    revoke = { url = "{base}/fitbit/revoke", client_auth = "basic" }"#;

/// What is left of one login: connections, revocations owed, and live grants at the provider.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    connections: usize,
    owed: u64,
    live: usize,
}

async fn left(app: &TestApp) -> Left {
    let connections = app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().len();
    let owed = app.auth.waiting().await.unwrap().1;
    let live = app.sandbox.grants(&ProviderProfile::FITBIT).into_iter().filter(|grant| !grant.revoked).count();
    Left { connections, owed, live }
}

/// One login; the plan begins with the write that spends its `state`.
async fn login(decision: Decision, plan: &[WriteFault]) -> (TestApp, u16, Left) {
    let (app, faults) = TestApp::start_failing(REQUIRED).await;
    let session = app.session(json!({"providers": "FITBIT", "reference_id": "alice"})).await;
    let (back, cookies) = app.at_provider(&session, "demo", decision).await;
    faults.plan(plan);
    let end = app.page(&back, &cookies).await;
    faults.plan(&[]);
    let left = left(&app).await;

    let again = app.page(&back, &cookies).await.status;
    assert!(end.status.is_server_error() || again == end.status, "{again} after {}", end.status);
    (app, end.status.as_u16(), left)
}

#[tokio::test]
async fn a_grant_that_cannot_be_stored_is_revoked() {
    let (app, status, left) = login(Decision::Approve, &[Made, Refused]).await;
    assert_eq!((status, left), (503, Left { connections: 0, owed: 1, live: 1 }));
    app.connected_user("FITBIT", "alice").await;
}

#[tokio::test]
async fn a_grant_that_cannot_be_queued_for_revocation_is_revoked_at_once() {
    let (_, status, left) = login(Decision::Approve, &[Made, Refused, Refused]).await;
    assert_eq!((status, left), (503, Left { connections: 0, owed: 0, live: 0 }));
}

#[tokio::test]
async fn a_refused_login_whose_refusal_cannot_be_stored_is_revoked_at_once() {
    let (_, status, left) = login(Decision::Without("sleep"), &[Made, Refused]).await;
    assert_eq!((status, left), (503, Left { connections: 0, owed: 0, live: 0 }));
}

#[tokio::test]
async fn a_connection_whose_commit_was_not_heard_of_is_a_success() {
    let (app, status, left) = login(Decision::Approve, &[Made, AnswerLost]).await;
    assert_eq!((status, left), (303, Left { connections: 1, owed: 0, live: 1 }));
    assert_eq!(app.events().await.len(), 1);
}

#[tokio::test]
async fn no_code_is_exchanged_unless_the_state_was_consumed() {
    let (_, status, left) = login(Decision::Approve, &[Refused]).await;
    assert_eq!((status, left), (503, Left { connections: 0, owed: 0, live: 0 }));
}

#[tokio::test]
async fn a_login_continues_when_the_browser_disconnects() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT", "reference_id": "alice"})).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    app.sandbox.set_fault(&ProviderProfile::FITBIT, Some(Fault::Slow(Duration::from_millis(300))));
    let hung_up = tokio::time::timeout(Duration::from_millis(150), app.page(&back, &cookies)).await;
    assert!(hung_up.is_err());

    let reload = app.page(&back, &cookies).await;
    assert!(query(&reload.location(), "user_id").is_some(), "{reload:?}");
    assert_eq!(left(&app).await, Left { connections: 1, owed: 0, live: 1 });
}

#[tokio::test]
async fn a_promised_user_is_used_once() {
    let app = TestApp::start().await;
    let body = json!({"resource": "FITBIT", "auth_success_redirect_url": "multi-auth"});
    let answer = app.post("/v2/auth/authenticateUser", body).await.json();
    let (promised, link) = (answer["user_id"].as_str().unwrap(), answer["auth_url"].as_str().unwrap());
    let page = path_of(&link.parse().unwrap());
    for account in ["one", "two", "three"] {
        let (back, cookies) = app.at_provider(&page, account, Decision::Approve).await;
        let end = app.page(&back, &cookies).await;
        assert_eq!(end.status, 200, "{account}: {end:?}");
    }
    let events = app.events().await;
    let users: Vec<&Value> = events.iter().map(|event| &event["user"]["user_id"]).collect();
    assert_eq!((users.len(), users[0]), (3, &json!(promised)));
    assert!(users[1] != users[0] && users[2] != users[0] && users[1] != users[2], "{users:?}");
    assert_eq!(left(&app).await, Left { connections: 3, owed: 0, live: 3 });

    let deleted = Request::delete(format!("/v2/auth/deauthenticateUser?user_id={promised}"));
    let deleted = deleted.header("dev-id", app.keys.dev_id.as_str()).header("x-api-key", app.keys.api_key.expose());
    assert_eq!(app.send(deleted.body(axum::body::Body::empty()).unwrap()).await.status, 200);
    let (back, cookies) = app.at_provider(&page, "one", Decision::Approve).await;
    assert_eq!(app.page(&back, &cookies).await.status, 200, "the id of a user who left is not used again");
}
