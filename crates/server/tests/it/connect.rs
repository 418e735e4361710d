//! Logins that fail, and what becomes of what the provider gave.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_sandbox::{Fault, ProviderProfile};

use crate::support::{Answer, Decision, TestApp, query};

/// Fitbit, with a scope that nobody can do without.
fn fitbit(more: &str) -> String {
    format!(
        r#"[[provider]]
        provider = "FITBIT"
        name = "Fitbit"
        types = ["sleep"]
        [provider.login]
        authorize_url = "{{base}}/fitbit/authorize"
        token_url = "{{base}}/fitbit/token"
        client_auth = "basic"
        scopes = ["activity", "sleep"]
        required_scopes = ["sleep"]
        issuer = "{{base}}/fitbit"
        revoke = {{ url = "{{base}}/fitbit/revoke", client_auth = "basic" }}
        {more}"#
    )
}

const IN_ANSWER: &str = r#"identity = { field = "user_id" }"#;

fn session() -> Value {
    json!({
        "providers": "FITBIT", "reference_id": "alice", "auth_failure_redirect_url": "com.acme.app://failed",
    })
}

/// A whole login; answers with where it ended.
async fn login(app: &TestApp, body: Value, decision: Decision) -> Answer {
    let session = app.session(body).await;
    let (back, cookies) = app.at_provider(&session, "demo", decision).await;
    app.page(&back, &cookies).await
}

async fn users(app: &TestApp) -> usize {
    app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().len()
}

/// Why logins failed, as the app was told, oldest first.
async fn reasons(app: &TestApp) -> Vec<Value> {
    let events = app.events().await.into_iter().filter(|event| event["type"] == "auth_cancelled");
    events.map(|event| event["reason"].clone()).collect()
}

async fn waiting_revocations(app: &TestApp) -> u64 {
    app.auth.waiting().await.unwrap().1
}

#[tokio::test]
async fn a_login_without_a_required_scope_fails_and_reports_the_scope() {
    let app = TestApp::start_with_recipes(&fitbit(IN_ANSWER)).await;
    let end = login(&app, session(), Decision::Without("sleep")).await;

    assert_eq!(
        end.location().as_str(),
        "com.acme.app://failed?reference_id=alice&resource=FITBIT&reason=missing_scopes&missing_scopes=sleep"
    );
    assert_eq!(app.events().await[0]["reason"], "missing_scopes");
    assert_eq!((users(&app).await, waiting_revocations(&app).await), (0, 1));
    let end = login(&app, session(), Decision::Without("activity")).await;
    assert!(query(&end.location(), "user_id").is_some(), "what is not required may be left out");
}

#[tokio::test]
async fn a_missing_required_scope_is_shown_and_the_user_can_retry() {
    let app = TestApp::start_with_recipes(&fitbit(IN_ANSWER)).await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Without("sleep")).await;
    let page = app.page(&back, &cookies).await;

    assert_eq!(page.status, 200);
    assert!(page.text.contains("<li>sleep</li>") && page.text.contains(&session), "{}", page.text);
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    assert_eq!(app.page(&back, &cookies).await.status, 303);
    assert_eq!(users(&app).await, 1);
}

#[tokio::test]
async fn a_failed_login_does_not_end_the_connection_that_was_there_before() {
    let app = TestApp::start_with_recipes(&fitbit(IN_ANSWER)).await;
    app.connected_user("FITBIT", "alice").await;
    login(&app, session(), Decision::Without("sleep")).await;
    assert_eq!((users(&app).await, waiting_revocations(&app).await), (1, 0));
}

#[tokio::test]
async fn tokens_of_an_account_that_nobody_names_are_given_back() {
    let asked = r#"identity = { url = "{base}/nowhere", field = "sub" }"#;
    let app = TestApp::start_with_recipes(&fitbit(asked)).await;
    let end = login(&app, session(), Decision::Approve).await;

    assert_eq!(query(&end.location(), "reason").as_deref(), Some("provider_unavailable"));
    assert_eq!((users(&app).await, waiting_revocations(&app).await), (0, 1));
}

#[tokio::test]
async fn no_login_over_http_starts_at_a_provider_that_requires_https() {
    let app = TestApp::start_with_recipes(&fitbit("https_only_callback = true")).await;
    let page = app.session(session()).await;
    let end = app.page(&page, &[]).await;
    assert_eq!(
        end.location().as_str(),
        "com.acme.app://failed?reference_id=alice&resource=FITBIT&reason=https_required"
    );
    app.page(&page, &[]).await;
    assert_eq!(reasons(&app).await, ["https_required"], "told once, however often the page is loaded");
}

#[tokio::test]
async fn the_user_limit_before_a_login_sends_one_event() {
    let app = TestApp::start().await;
    app.change(serde_json::from_value(json!({"user_limit": 0})).unwrap()).await;
    let page = app.session(session()).await;
    for _ in 0..2 {
        assert_eq!(app.page(&page, &[]).await.status, 403);
    }
    assert_eq!(reasons(&app).await, ["user_limit_reached"]);
    app.change(serde_json::from_value(json!({"user_limit": 1})).unwrap()).await;
    let (back, cookies) = app.at_provider(&page, "demo", Decision::Approve).await;
    assert_eq!(app.page(&back, &cookies).await.status, 303, "who was refused may try again");
}

#[tokio::test]
async fn an_expired_login_is_reported_to_the_app() {
    let app = TestApp::start().await;
    let page = app.session(session()).await;
    let (back, cookies) = app.at_provider(&page, "demo", Decision::Approve).await;
    app.clock.advance(jiff::SignedDuration::from_mins(15));
    for _ in 0..2 {
        let end = app.page(&back, &cookies).await;
        assert!(end.text.contains("reason=session_expired"), "{}", end.text);
    }
    assert_eq!(reasons(&app).await, ["session_expired"]);
}

#[tokio::test]
async fn each_provider_error_has_the_same_reason_in_event_and_redirect() {
    let app = TestApp::start().await;
    for (error, reason) in [
        ("access_denied", "access_denied"),
        ("server_error", "provider_unavailable"),
        ("temporarily_unavailable", "provider_unavailable"),
        ("unauthorized_client", "app_refused"),
        ("invalid_scope", "invalid_scope"),
        ("Nobody Knows", "provider_error"),
    ] {
        let page = app.session(session()).await;
        let (back, cookies) = app.at_provider(&page, "demo", Decision::Deny).await;
        let back = back.replace("error=access_denied", &format!("error={}", error.replace(' ', "+")));
        let end = app.page(&back, &cookies).await;
        assert_eq!(query(&end.location(), "reason").as_deref(), Some(reason), "{error}");
        assert_eq!(reasons(&app).await.last().unwrap(), reason, "{error}");
    }
}

/// Fitbit with a last day, the first of the year.
fn ending() -> String {
    fitbit(IN_ANSWER).replace("types", "shutdown = { on = \"2030-01-02\", why = \"it was sold\" }\ntypes")
}

#[tokio::test]
async fn a_provider_accepts_no_logins_after_its_shutdown_date() {
    let app = TestApp::start_with_recipes(&ending()).await;
    app.connected_user("FITBIT", "alice").await;
    app.clock.advance(SignedDuration::from_hours(24) - SignedDuration::from_secs(1));
    let (with_way_back, without) = (app.session(session()).await, app.session(json!({"providers": "FITBIT"})).await);
    app.clock.advance(SignedDuration::from_secs(1));

    let end = app.page(&with_way_back, &[]).await;
    assert_eq!(
        end.location().as_str(),
        "com.acme.app://failed?reference_id=alice&resource=FITBIT&reason=provider_shut_down"
    );
    let page = app.page(&without, &[]).await;
    assert_eq!(page.status, 410);
    assert!(!page.text.contains(&without), "trying again does not help: {}", page.text);
    assert_eq!(users(&app).await, 1, "who was connected stays so");
}

#[tokio::test]
async fn a_provider_past_its_shutdown_date_is_not_offered() {
    let app = TestApp::start_with_recipes(&ending().replace("2030-01-02", "2030-01-01")).await;
    let (status, detail) = app.post("/v2/auth/generateWidgetSession", session()).await.problem();
    assert!(status == 400 && detail.starts_with("no provider can be offered: FITBIT is unknown"), "{status} {detail}");
}

#[tokio::test]
async fn an_app_that_the_provider_refuses_is_nobody_elses_fault() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    app.sandbox.set_fault(&ProviderProfile::FITBIT, Some(Fault::InvalidClient));
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    let page = app.page(&back, &cookies).await;

    assert_eq!(page.status, 502);
    assert!(!page.text.contains(&session), "trying again does not help: {}", page.text);
    assert_eq!(app.events().await[0]["reason"], "app_refused");
}

#[tokio::test]
async fn a_grant_beyond_the_user_limit_is_revoked() {
    let app = TestApp::start().await;
    app.change(serde_json::from_value(json!({"user_limit": 1})).unwrap()).await;
    let late = app.session(json!({"providers": "OURA", "reference_id": "carol"})).await;
    let (back, cookies) = app.at_provider(&late, "c", Decision::Approve).await;
    app.connected_account("FITBIT", "alice", "a").await;

    assert_eq!(app.page(&back, &cookies).await.status, 403);
    assert_eq!((users(&app).await, waiting_revocations(&app).await), (1, 1));
}

#[tokio::test]
async fn the_slower_of_two_simultaneous_logins_is_revoked() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    let one = app.at_provider(&session, "a", Decision::Approve).await;
    let other = app.at_provider(&session, "b", Decision::Approve).await;
    app.sandbox.set_fault(&ProviderProfile::FITBIT, Some(Fault::Slow(Duration::from_millis(200))));
    let (one, other) = tokio::join!(app.page(&one.0, &one.1), app.page(&other.0, &other.1));

    let mut ends = [one.status.as_u16(), other.status.as_u16()];
    ends.sort_unstable();
    assert_eq!(ends, [303, 410]);
    assert_eq!((users(&app).await, waiting_revocations(&app).await), (1, 1));
}
