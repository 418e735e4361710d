//! The same redirect of a provider, again and again: one login, one outcome.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_sandbox::{Fault, ProviderProfile};

use crate::support::{Answer, Decision, TestApp, query};

fn session() -> Value {
    json!({
        "providers": "FITBIT", "reference_id": "alice", "auth_success_redirect_url": "https://acme.example/yes",
        "auth_failure_redirect_url": "https://acme.example/no",
    })
}

async fn departed(app: &TestApp, body: Value, decision: Decision) -> (String, Vec<String>) {
    let session = app.session(body).await;
    app.at_provider(&format!("{session}/connect/fitbit"), "demo", decision).await
}

async fn kinds(app: &TestApp) -> Vec<Value> {
    app.events().await.into_iter().map(|event| event["type"].clone()).collect()
}

fn assert_yes(answer: &Answer) {
    assert!(answer.location().as_str().starts_with("https://acme.example/yes?user_id="), "{answer:?}");
}

#[tokio::test]
async fn a_repeated_callback_has_the_same_result() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, session(), Decision::Approve).await;
    let first = app.page(&back, &cookies).await;
    assert_yes(&first);
    for _ in 0..3 {
        assert_eq!(app.page(&back, &cookies).await.location(), first.location());
    }
    assert_eq!(kinds(&app).await, ["auth"]);
    assert_eq!(app.sandbox.grants(&ProviderProfile::FITBIT).len(), 1);
}

#[tokio::test]
async fn callbacks_that_come_at_once_exchange_the_code_once_and_all_succeed() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, session(), Decision::Approve).await;
    app.sandbox.set_fault(&ProviderProfile::FITBIT, Some(Fault::Slow(Duration::from_millis(300))));
    let load = || app.page(&back, &cookies);
    let (a, b, c, d) = tokio::join!(load(), load(), load(), load());
    for answer in [&a, &b, &c, &d] {
        assert_yes(answer);
    }
    assert_eq!(kinds(&app).await, ["auth"]);
}

#[tokio::test]
async fn a_reload_does_not_report_an_error_twice() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, session(), Decision::Deny).await;
    for _ in 0..5 {
        let end = app.page(&back, &cookies).await;
        assert_eq!(query(&end.location(), "reason").as_deref(), Some("access_denied"));
    }
    assert_eq!(kinds(&app).await, ["auth_cancelled"]);
}

#[tokio::test]
async fn an_invented_code_is_tried_once() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, session(), Decision::Approve).await;
    let code = query(&format!("http://localhost{back}").parse().unwrap(), "code").unwrap();
    let forged = back.replace(&code, "made-up");
    let before = app.sandbox.grants(&ProviderProfile::FITBIT).len();
    for callback in [&forged, &forged, &back] {
        let end = app.page(callback, &cookies).await;
        assert!(end.location().as_str().starts_with("https://acme.example/no"), "{end:?}");
    }
    assert_eq!(kinds(&app).await, ["auth_cancelled"]);
    assert_eq!(
        app.sandbox.grants(&ProviderProfile::FITBIT).len(),
        before,
        "the code of the same login is not tried afterwards"
    );
}

#[tokio::test]
async fn a_repeated_failed_callback_after_a_success_reports_no_failure() {
    let app = TestApp::start().await;
    let page = app.session(session()).await;
    let denied = app.at_provider(&page, "demo", Decision::Deny).await;
    app.page(&denied.0, &denied.1).await;
    let (back, cookies) = app.at_provider(&page, "demo", Decision::Approve).await;
    assert_yes(&app.page(&back, &cookies).await);

    let again = app.page(&denied.0, &denied.1).await;
    assert_eq!((again.status.as_u16(), again.header("location")), (410, ""), "{again:?}");
    assert_eq!(kinds(&app).await, ["auth_cancelled", "auth"]);
}

#[tokio::test]
async fn a_session_of_several_connections_uses_each_login_once() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, json!({"reference_id": "alice", "multi_auth": true}), Decision::Approve).await;
    let first = app.page(&back, &cookies).await;
    let again = app.page(&back, &cookies).await;
    assert_eq!((first.status.as_u16(), again.text), (200, first.text));
    assert_eq!(kinds(&app).await, ["auth"]);
}

#[tokio::test]
async fn an_expired_login_is_reported_once_even_if_other_logins_began() {
    let app = TestApp::start().await;
    let page = app.session(json!({"reference_id": "alice", "multi_auth": true})).await;
    let connect = format!("{page}/connect/fitbit");
    let late = app.at_provider(&connect, "demo", Decision::Approve).await;
    app.clock.advance(SignedDuration::from_mins(14));
    let in_time = app.at_provider(&connect, "demo", Decision::Approve).await;
    app.clock.advance(SignedDuration::from_mins(1));
    for _ in 0..3 {
        assert_eq!(app.page(&late.0, &late.1).await.status, 410);
    }
    app.page(&in_time.0, &in_time.1).await;
    assert_eq!(app.page(&late.0, &late.1).await.status, 410);
    assert_eq!(kinds(&app).await, ["auth_cancelled", "auth"]);
}

#[tokio::test]
async fn a_login_is_used_once_even_if_the_clock_is_set_back() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, session(), Decision::Deny).await;
    app.page(&back, &cookies).await;
    let days = SignedDuration::from_hours(49);
    app.clock.advance(days);
    while app.auth.delete_expired().await.unwrap() > 0 {}
    app.clock.advance(-days);
    app.page(&back, &cookies).await;
    assert_eq!(kinds(&app).await, ["auth_cancelled"]);
}

#[tokio::test]
async fn twenty_logins_of_a_session_come_back_and_no_more() {
    let app = TestApp::start().await;
    let page = app.session(session()).await;
    for _ in 0..20 {
        let (back, cookies) = app.at_provider(&page, "demo", Decision::Deny).await;
        app.page(&back, &cookies).await;
    }
    assert_eq!(app.page(&page, &[]).await.status, 410);
    assert_eq!(kinds(&app).await.len(), 20);
}

#[tokio::test]
async fn at_most_twenty_failed_logins_of_a_session_are_reported() {
    let app = TestApp::start().await;
    let page = app.session(session()).await;
    let mut backs = Vec::new();
    for _ in 0..25 {
        backs.push(app.at_provider(&page, "demo", Decision::Deny).await);
    }
    for (back, cookies) in &backs {
        app.page(back, cookies).await;
    }
    assert_eq!(kinds(&app).await.len(), 20);
}

#[tokio::test]
async fn without_the_cookie_nothing_is_spent() {
    let app = TestApp::start().await;
    let (back, cookies) = departed(&app, session(), Decision::Approve).await;
    assert_eq!(app.page(&back, &[]).await.status, 400);
    assert_yes(&app.page(&back, &cookies).await);
}
