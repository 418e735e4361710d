//! Links are opened by mail scanners, messengers and prefetchers before people open them. `GET` and `HEAD` change nothing.

use axum::body::Body;
use http::{Request, request::Builder};
use serde_json::{Value, json};
use terra_auth_types::wire::admin::ChangeEnvironment;

use crate::support::{Answer, Decision, TestApp, query};

async fn look(app: &TestApp, request: Builder) -> Answer {
    app.send(request.body(Body::empty()).unwrap()).await
}

/// Every address of a session that is opened without a form.
fn addresses(session: &str) -> Vec<String> {
    let rest = ["", "?q=fit", "/cancel", "/connect/fitbit", "/connect/oura", "/connect/nobody", "/disconnect/fitbit"];
    rest.into_iter().map(|rest| format!("{session}{rest}")).collect()
}

async fn store(app: &TestApp) -> (Vec<Value>, String) {
    (app.events().await, app.get("/v2/subscriptions").await.text)
}

#[tokio::test]
async fn a_session_whose_links_were_looked_at_a_hundred_times_still_connects() {
    let app = TestApp::start().await;
    app.connected_user("FITBIT", "alice").await;
    let body =
        json!({"reference_id": "alice", "show_disconnect": true, "auth_success_redirect_url": "https://a.example/"});
    let lone = json!({"providers": "OURA", "reference_id": "bob", "auth_success_redirect_url": "https://a.example/"});
    for session in [app.session(body).await, app.session(lone).await] {
        let before = store(&app).await;
        for address in addresses(&session) {
            for _ in 0..25 {
                look(&app, Request::head(&address)).await;
                look(&app, Request::get(&address)).await;
                look(&app, Request::get(&address).header("sec-purpose", "prefetch;prerender")).await;
            }
        }
        assert_eq!(store(&app).await, before);
        let (back, cookies) = app.at_provider(&format!("{session}/connect/oura"), "demo", Decision::Approve).await;
        let end = app.page(&back, &cookies).await;
        assert!(query(&end.location(), "user_id").is_some(), "{end:?}");
    }
}

#[tokio::test]
async fn a_preview_of_an_invalid_link_sends_no_event() {
    let app = TestApp::start().await;
    app.change(ChangeEnvironment { user_limit: Some(Some(0)), ..ChangeEnvironment::default() }).await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    for address in [session.clone(), format!("{session}/connect/fitbit")] {
        look(&app, Request::head(&address)).await;
        for purpose in ["sec-purpose", "purpose", "x-moz"] {
            look(&app, Request::get(&address).header(purpose, "prefetch")).await;
        }
    }
    assert!(app.events().await.is_empty());
    look(&app, Request::get(&session)).await;
    assert_eq!(app.events().await[0]["reason"], "user_limit_reached");
}

#[tokio::test]
async fn the_way_out_of_the_list_is_a_form() {
    let app = TestApp::start().await;
    let session = app.session(json!({"auth_failure_redirect_url": "com.acme.app://failed"})).await;
    let list = app.page(&session, &[]).await;
    assert!(
        list.text.contains(&format!(r#"<form class="actions" method="post" action="{session}/cancel">"#)),
        "{}",
        list.text
    );
    assert!(!list.text.contains(&format!(r#"href="{session}/cancel""#)), "{}", list.text);
    assert!(list.header("content-security-policy").contains("form-action 'self' com.acme.app:;"), "{list:?}");

    let looked_at = app.page(&format!("{session}/cancel"), &[]).await;
    assert_eq!((looked_at.status.as_u16(), looked_at.header("location")), (303, session.as_str()));
    let posted = look(&app, Request::post(format!("{session}/cancel"))).await;
    assert_eq!(query(&posted.location(), "reason").as_deref(), Some("user_cancelled"));
}
