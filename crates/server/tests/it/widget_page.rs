use axum::{body::Body, http::StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_sandbox::{Fault, ProviderProfile};
use terra_auth_types::wire::admin::ChangeEnvironment;

use crate::support::{Answer, Decision, TestApp, path_of, query};

const DONE: &str = "https://acme.example/done?keep=me";
const FAILED: &str = "com.acme.app://failed";

fn with_urls(mut body: Value) -> Value {
    body["auth_success_redirect_url"] = json!(DONE);
    body["auth_failure_redirect_url"] = json!(FAILED);
    body
}

#[tokio::test]
async fn a_success_redirects_with_the_published_parameters() {
    let app = TestApp::start().await;
    let session = app.session(with_urls(json!({"reference_id": "alice & bob", "providers": "FITBIT"}))).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    let end = app.page(&back, &cookies).await;
    let target = end.location();
    let user = query(&target, "user_id").unwrap();

    assert_eq!(
        target.as_str(),
        format!("https://acme.example/done?keep=me&user_id={user}&reference_id=alice+%26+bob&resource=FITBIT")
    );
    assert!(end.header("set-cookie").contains("Max-Age=120"), "{end:?}");
    let event = app.events().await.remove(0);
    let session_id = session.split('/').nth(2).unwrap();
    assert_eq!((&event["type"], &event["status"]), (&json!("auth"), &json!("success")));
    assert_eq!((&event["user"]["user_id"], &event["widget_session_id"]), (&json!(user), &json!(session_id)));
    assert_eq!(
        (&event["reference_id"], &event["user"]["reference_id"]),
        (&json!("alice & bob"), &json!("alice & bob"))
    );
}

#[tokio::test]
async fn without_a_url_the_end_is_our_own_page() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    let end = app.page(&back, &cookies).await.location();
    let page = app.page(&path_of(&end), &[]).await;

    assert_eq!(end.path(), "/session/demo/success");
    assert_eq!(
        (query(&end, "reference_id").as_deref(), query(&end, "resource").as_deref()),
        (Some("null"), Some("FITBIT"))
    );
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Fitbit"), "{}", page.text);
}

#[tokio::test]
async fn a_failed_login_redirects_with_its_reason_and_can_be_retried() {
    let app = TestApp::start().await;
    let session = app.session(with_urls(json!({"reference_id": "alice", "providers": "OURA"}))).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Deny).await;
    let end = app.page(&back, &cookies).await;
    let event = app.events().await.remove(0);

    assert_eq!(end.location().as_str(), "com.acme.app://failed?reference_id=alice&resource=OURA&reason=access_denied");
    assert_eq!(
        (&event["type"], &event["status"], &event["reason"]),
        (&json!("auth_cancelled"), &json!("error"), &json!("access_denied"))
    );
    assert!(event["user"].is_null());
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    assert!(app.page(&back, &cookies).await.location().as_str().starts_with(DONE));
}

#[tokio::test]
async fn a_page_in_place_lists_the_missing_scopes() {
    let app = TestApp::start().await;
    let session = app.session(with_urls(json!({"providers": "FITBIT", "bypass_feedback": false}))).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Without("sleep")).await;
    let page = app.page(&back, &cookies).await;
    let users = app.get("/v2/subscriptions").await.json();

    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("sleep") && page.text.contains("https://acme.example/done?keep=me&#38;user_id="),
        "{}",
        page.text
    );
    assert!(!users["users"][0]["scopes"].as_str().unwrap().contains("sleep"), "{users}");
}

#[tokio::test]
async fn a_session_is_used_once() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    let first = app.at_provider(&session, "a", Decision::Approve).await;
    let second = app.at_provider(&session, "b", Decision::Approve).await;
    assert_eq!(app.page(&first.0, &first.1).await.status, 303);
    assert_eq!(app.page(&second.0, &second.1).await.status, 410);
    assert_eq!(app.page(&session, &[]).await.status, 410);
    assert_eq!(app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_login_at_the_provider_can_finish_after_the_session_expired() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    app.clock.advance(SignedDuration::from_secs(899));
    let (in_time, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    app.clock.advance(SignedDuration::from_secs(300));
    assert_eq!(app.page(&in_time, &cookies).await.status, 303);

    let session = app.session(json!({"providers": "OURA"})).await;
    let (too_late, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    app.clock.advance(SignedDuration::from_secs(900));
    assert_eq!(app.page(&too_late, &cookies).await.status, 410);
}

#[tokio::test]
async fn a_redirect_is_worth_nothing_in_another_browser_or_altered() {
    let app = TestApp::start().await;
    let session = app.session(json!({"providers": "FITBIT"})).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    let mut altered: url::Url = format!("http://localhost{back}").parse().unwrap();
    let pairs: Vec<_> = altered.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    altered
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().map(|(k, v)| (k, if k == "iss" { "https://evil.example" } else { v })));

    assert_eq!(app.page(&back, &[]).await.status, 400);
    assert_eq!(app.page(&back, &["terra_flow_0=0".to_owned()]).await.status, 400);
    assert_eq!(app.page(&back.replace("/fitbit/", "/oura/"), &cookies).await.status, 400);
    assert_eq!(app.page(&path_of(&altered), &cookies).await.status, 400);
    assert_eq!(app.page("/auth/fitbit/oauth2?code=x&state=y", &cookies).await.status, 400);
    assert_eq!(app.page(&back, &cookies).await.status, 303);
}

#[tokio::test]
async fn a_callback_url_answers_a_probe_and_consumes_nothing() {
    let app = TestApp::start().await;
    let session = app.session(with_urls(json!({"providers": "FITBIT"}))).await;
    let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
    for path in ["/auth/fitbit/oauth2", "/auth/withings/oauth2", "/auth/fitbit/oauth2?state=&code="] {
        let page = app.page(path, &cookies).await;
        assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"), "{path}");
        assert!(page.text.contains("part of a login") && page.header("set-cookie").is_empty(), "{page:?}");
        assert!(!page.text.contains("Acme"), "{page:?}");
    }
    for path in ["/auth/withings/oauth2", back.as_str()] {
        let head = app.request("HEAD", path).header("cookie", cookies.join("; ")).body(Body::empty()).unwrap();
        let answer = app.send(head).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ""), "{path}");
    }
    for path in ["/auth/nobody/oauth2", "/auth/apple/oauth2", "/auth/FITBIT/oauth2"] {
        assert_eq!(app.page(path, &[]).await.status, 404, "{path}");
    }
    assert!(app.events().await.is_empty());
    assert!(app.page(&back, &cookies).await.location().as_str().starts_with(DONE), "the login is still to be had");
}

#[tokio::test]
async fn a_provider_that_is_down_has_a_page_and_an_event() {
    let app = TestApp::start().await;
    for fault in [Fault::ServerError, Fault::TooManyRequests { retry_after_seconds: 5 }, Fault::Html] {
        let session = app.session(json!({"providers": "FITBIT"})).await;
        let (back, cookies) = app.at_provider(&session, "demo", Decision::Approve).await;
        app.sandbox.set_fault(&ProviderProfile::FITBIT, Some(fault));
        let page = app.page(&back, &cookies).await;
        app.sandbox.set_fault(&ProviderProfile::FITBIT, None);

        assert_eq!(page.status, 502, "{fault:?}");
        assert!(page.text.contains(&session), "there is a link to try again: {}", page.text);
        assert_eq!(app.events().await.last().unwrap()["reason"], "provider_unavailable");
    }
}

#[tokio::test]
async fn at_the_cap_new_users_stop_and_old_ones_come_back() {
    let app = TestApp::start().await;
    app.change(ChangeEnvironment { user_limit: Some(Some(2)), ..ChangeEnvironment::default() }).await;
    app.connected_account("FITBIT", "alice", "a").await;
    let last = app.session(json!({"providers": "OURA", "reference_id": "carol"})).await;
    let (late, cookies) = app.at_provider(&last, "c", Decision::Approve).await;
    app.connected_account("FITBIT", "bob", "b").await;

    let refused = app.session(json!({"providers": "FITBIT", "reference_id": "dave"})).await;
    assert_eq!(app.page(&refused, &[]).await.status, 403);
    assert_eq!(app.page(&late, &cookies).await.status, 403);
    assert_eq!(app.events().await.last().unwrap()["reason"], "user_limit_reached");
    app.connected_account("FITBIT", "alice", "a").await;
    assert_eq!(app.get("/v2/subscriptions").await.json()["users"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_returning_user_gets_a_new_id_and_the_app_gets_an_event() {
    let app = TestApp::start().await;
    let old = app.connected_user("FITBIT", "alice").await;
    let new = app.connected_user("FITBIT", "alice").await;
    app.connected_user("FITBIT", "bob").await;
    app.connected_account("FITBIT", "alice", "second account").await;
    let events = app.events().await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();

    assert_eq!(kinds, ["auth", "auth", "user_reauth", "auth", "auth"]);
    assert_eq!((&events[2]["old_user"]["user_id"], &events[2]["new_user"]["user_id"]), (&json!(old), &json!(new)));
    assert_eq!((&events[2]["status"], &events[2]["version"]), (&json!("warning"), &json!("2022-03-16")));
    assert_eq!(app.get(&format!("/v2/userInfo?user_id={old}")).await.status, 404);
    assert_eq!(app.get("/v2/userInfo?reference_id=alice").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn cancelling_in_the_widget_ends_the_session() {
    let app = TestApp::start().await;
    let session = app.session(with_urls(json!({"reference_id": "alice"}))).await;
    let end = cancel(&app, &session).await;
    assert_eq!(end.location().as_str(), "com.acme.app://failed?reference_id=alice&reason=user_cancelled");
    assert_eq!(app.events().await[0]["reason"], "user_cancelled");
    assert_eq!(app.page(&session, &[]).await.status, 410);

    assert!(app.page(&session, &[]).await.text.contains("cancelled"), "the page says what happened");

    let quiet = app.session(json!({})).await;
    assert_eq!(cancel(&app, &quiet).await.status, 200);
}

async fn cancel(app: &TestApp, session: &str) -> Answer {
    app.send(http::Request::post(format!("{session}/cancel")).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn one_session_may_make_several_connections_and_end_them() {
    let app = TestApp::start().await;
    let body = json!({"reference_id": "alice", "auth_success_redirect_url": "multi-auth", "show_disconnect": true});
    let session = app.session(body).await;
    for provider in ["fitbit", "oura"] {
        let (back, cookies) =
            app.at_provider(&format!("{session}/connect/{provider}"), "demo", Decision::Approve).await;
        let page = app.page(&back, &cookies).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains(&session), "there is a link to connect another: {}", page.text);
    }
    let list = app.page(&session, &[]).await;
    assert!(!list.text.contains("/cancel"), "who has connected something cannot cancel: {}", list.text);
    let ask = app.page(&format!("{session}/disconnect/oura"), &[]).await;
    let request = http::Request::post(format!("{session}/disconnect/oura")).body(axum::body::Body::empty()).unwrap();
    let done = app.send(request).await;
    let list = app.page(done.header("location"), &[]).await;

    assert_eq!((ask.status.as_u16(), done.status.as_u16(), list.status.as_u16()), (200, 303, 200));
    let users = app.get("/v2/userInfo?reference_id=alice").await.json();
    assert_eq!((users.as_array().unwrap().len(), &users[0]["provider"]), (1, &json!("FITBIT")));
}

#[tokio::test]
async fn disconnecting_needs_permission_of_the_session() {
    let app = TestApp::start().await;
    let user = app.connected_user("FITBIT", "alice").await;
    let session = app.session(json!({"reference_id": "alice"})).await;
    let request = http::Request::post(format!("{session}/disconnect/fitbit")).body(axum::body::Body::empty()).unwrap();
    app.send(request).await;
    assert_eq!(app.get(&format!("/v2/userInfo?user_id={user}")).await.status, 200);
}

#[tokio::test]
async fn on_device_providers_open_the_app() {
    let app = TestApp::start().await;
    let body =
        json!({"providers": "APPLE,FITBIT", "use_terra_avengers_app": true, "apple_app_url": "https://apps.example/a"});
    let session = app.session(body).await;
    let page = app.page(&format!("{session}/connect/apple"), &[]).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Apple Health") && page.text.contains("https://apps.example/a"), "{}", page.text);
    assert_eq!(app.page(&format!("{session}/connect/garmin"), &[]).await.status, 404);
}

#[tokio::test]
async fn the_list_can_be_searched_and_is_localized() {
    let app = TestApp::start().await;
    let session = app.session(json!({"language": "de", "use_terra_avengers_app": true})).await;
    let all = app.page(&session, &[]).await;
    let found = app.page(&format!("{session}?q=fit"), &[]).await;

    assert!(all.text.contains("<html lang=\"de\"") && all.text.contains("Garmin"), "{}", all.text);
    assert!(found.text.contains("Fitbit") && !found.text.contains("Garmin"));
    let csp = all.header("content-security-policy");
    assert!(csp.starts_with("default-src 'none'; style-src 'self'") && !csp.contains("unsafe"), "{csp}");
}
