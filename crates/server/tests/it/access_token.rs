//! Access tokens that are lent to the operator's own workers.

use jiff::SignedDuration;
use serde_json::Value;
use terra_auth_sandbox::ProviderProfile;
use terra_auth_types::{Scope, wire::admin::Role};

use crate::{
    scope::key_with,
    support::{Answer, TestApp},
};

async fn issue_access_token(app: &TestApp, token: &str, user_id: &str) -> Answer {
    let path = format!("/environments/{}/connections/{user_id}/access-token", app.keys.dev_id);
    app.admin(token, "POST", &path, Value::Null).await
}

fn access_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_issued_access_token_is_valid_refreshed_if_needed_and_audited() {
    let app = TestApp::start().await;
    let (user_id, operator) = (app.connected_user("FITBIT", "alice").await, app.token(Role::Operator).await);
    let first = issue_access_token(&app, &operator, &user_id).await;
    assert_eq!(access_token(&first), access_token(&issue_access_token(&app, &operator, &user_id).await));
    assert!(first.json()["expires_at"].is_string() && first.json()["scopes"].is_string(), "{first:?}");

    app.clock.advance(SignedDuration::from_hours(8));
    assert_ne!(access_token(&issue_access_token(&app, &operator, &user_id).await), access_token(&first));
    let lent = app.auth.audit_page(0, 500).await.unwrap().entries;
    let lent: Vec<_> = lent.iter().filter(|line| line.action == "connection.issue_access_token").collect();
    assert_eq!(lent.len(), 3);
    assert!(lent.iter().all(|line| line.allowed && line.target == user_id));
}

#[tokio::test]
async fn a_worker_borrows_with_a_key_that_can_do_nothing_else() {
    let app = TestApp::start().await;
    let user_id = app.connected_user("FITBIT", "alice").await;
    let worker = key_with(&app, Scope::AccessTokensRead).await;
    let path = format!("/api/v3/admin/environments/{}/connections/{user_id}/access-token", app.keys.dev_id);
    let lent = app.call(&worker, "POST", &path).await;
    assert!(!access_token(&lent).is_empty());
    assert_eq!(app.call(&worker, "GET", "/v2/subscriptions").await.refusal().1, "scope_missing");

    let line = app.auth.audit_page(0, 500).await.unwrap().entries.pop().unwrap();
    assert_eq!((line.action.as_str(), &line.target, line.allowed), ("connection.issue_access_token", &user_id, true));
    assert_eq!(line.actor, format!("api key {} (…{})", Scope::AccessTokensRead, &worker[worker.len() - 4..]));
}

#[tokio::test]
async fn no_other_key_borrows() {
    let app = TestApp::start().await;
    let user_id = app.connected_user("FITBIT", "alice").await;
    let at = |dev_id: &str| format!("/api/v3/admin/environments/{dev_id}/connections/{user_id}/access-token");
    let (own, first) = (at(app.keys.dev_id.as_str()), app.keys.api_key.expose());
    assert_eq!(app.call(first, "POST", &own).await.refusal().1, "scope_missing", "the first key was not told so");
    assert_eq!(app.call("wrong", "POST", &own).await.refusal().0, 401);
    let worker = key_with(&app, Scope::AccessTokensRead).await;
    assert_eq!(app.call(&worker, "POST", &at("acme-testing-0000000000")).await.refusal().0, 403);
}

#[tokio::test]
async fn no_access_token_is_issued_for_a_grant_revoked_at_the_provider() {
    let app = TestApp::start().await;
    let (user_id, operator) = (app.connected_user("FITBIT", "alice").await, app.token(Role::Operator).await);
    app.sandbox.revoke_account(&ProviderProfile::FITBIT, "demo");
    app.clock.advance(SignedDuration::from_hours(8));
    for _ in 0..2 {
        let (status, code, _) = issue_access_token(&app, &operator, &user_id).await.refusal();
        assert_eq!((status, code.as_str()), (409, "revoked"));
    }
    let kinds: Vec<_> = app.events().await.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["auth", "access_revoked"]);
    let user = app.get(&format!("/v2/userInfo?user_id={user_id}")).await;
    assert_eq!(user.json()["user"]["active"], false, "{user:?}");
}
