use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};
use terra_auth::{Provider, SessionId};
use terra_auth_core::admin::action::Admin;
use terra_auth_model::widget_session::SessionRequest;
use terra_auth_testkit::StoreExt as _;

use crate::world::World;

const SETTINGS: &str = r#"
[widget]
allowed_redirects = ["https://app.example/health"]
success_redirect_url = "https://app.example/connected"
"#;

const PATH: &str = "/api/terra/widget-session";

#[tokio::test]
async fn a_session_opens_in_the_callers_name() {
    let world = World::start().await;

    let answer =
        world.call("alice", "POST", PATH, json!({ "providers": ["FITBIT", "GARMIN"], "language": "fr" })).await;

    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["expires_at"]), (200, &"2030-01-01T00:15:00Z".into()));
    assert!(body["url"].as_str().unwrap().starts_with(world.server.as_str()), "{body}");
    let session = session(&world, &body).await;
    assert_eq!(session.reference_id.unwrap().as_str(), "alice");
    let providers: Vec<_> = session.providers.iter().map(Provider::as_str).collect();
    assert_eq!((&providers[..], session.language.as_deref()), (&["FITBIT", "GARMIN"][..], Some("fr")));
}

#[tokio::test]
async fn end_users_go_back_where_the_settings_or_the_allowed_request_say() {
    let world = World::with(SETTINGS).await;
    let allowed = "https://app.example/health/done?tab=1";
    for (asked, expected) in [(Value::Null, "https://app.example/connected"), (allowed.into(), allowed)] {
        let answer = world.call("alice", "POST", PATH, json!({ "auth_success_redirect_url": asked })).await;
        let session = session(&world, &answer.json()).await;
        assert_eq!(session.success_url.unwrap().as_str(), expected);
    }
}

#[tokio::test]
async fn by_default_a_session_ends_on_the_page_that_closes_its_window() {
    let world = World::start().await;
    let from_page = async |body: Value| {
        let request = Request::post(PATH).header("x-user", "alice").header("host", "gateway.example");
        let request = request.header("origin", "https://app.example").header(header::CONTENT_TYPE, "application/json");
        let answer = world.send(request.body(Body::from(body.to_string())).unwrap()).await;
        let session = session(&world, &answer.json()).await;
        [session.success_url, session.failure_url].map(|url| url.map(|url| url.to_string()))
    };
    let done = Some("https://gateway.example/api/terra/done".to_owned());
    assert_eq!(from_page(json!({})).await, [done.clone(), done.clone()]);
    assert_eq!(from_page(json!({ "landing_url": done })).await, [done.clone(), done]);
    assert_eq!(from_page(json!({ "landing_url": "https://evil.example/api/terra/done" })).await, [None, None]);

    // Nothing says how a browser reaches the gateway, so the widget's own page is the last one.
    let answer = world.call("alice", "POST", PATH, json!({})).await;
    assert_eq!(session(&world, &answer.json()).await.success_url, None);
}

#[tokio::test]
async fn a_page_that_the_environments_allow_list_lacks_is_left_out() {
    let world = World::start().await;
    let change = serde_json::from_value(json!({ "redirect_allow_list": ["https://app.example/"] })).unwrap();
    world.auth.change_environment(&Admin::local("tests"), &world.keys.dev_id, &change).await.unwrap();
    let body = json!({ "landing_url": "https://gateway.example/api/terra/done" });
    let request = Request::post(PATH).header("x-user", "alice").header("host", "gateway.example");
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let answer = world.send(request.body(Body::from(body.to_string())).unwrap()).await;
    assert_eq!(session(&world, &answer.json()).await.success_url, None);
}

#[tokio::test]
async fn end_users_are_sent_nowhere_else() {
    let world = World::with(SETTINGS).await;
    for url in [
        "https://evil.example/",
        "https://app.example/healthy",
        "http://app.example/health",
        "https://app.example@evil.example/health",
        "javascript:alert(1)",
        "//evil.example",
    ] {
        for field in ["auth_success_redirect_url", "auth_failure_redirect_url"] {
            let answer = world.call("alice", "POST", PATH, json!({ field: url })).await;
            let (status, _, detail) = answer.refusal();
            assert!(status == 400 && detail.starts_with(field), "{url}: {detail}");
        }
    }
    let world = World::start().await;
    let answer =
        world.call("alice", "POST", PATH, json!({ "auth_success_redirect_url": "https://app.example/" })).await;
    assert!(answer.refusal().2.contains("widget.allowed_redirects"), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_means_nothing_is_refused() {
    let world = World::start().await;
    for (content_type, body, status) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 400),
        ("application/json", r#"{"providers": 3}"#, 400),
        ("application/json", r#"{"providers": ["not a provider!"]}"#, 400),
        ("application/json", r#"{"providers": ["NOSUCHTHING"]}"#, 400),
        ("application/json", r#"{"language": "a language that nobody has ever spoken"}"#, 400),
        ("text/plain", "{}", 415),
        ("application/x-www-form-urlencoded", "providers=FITBIT", 415),
    ] {
        let request = Request::post(PATH).header("x-user", "alice").header(header::CONTENT_TYPE, content_type);
        let answer = world.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.refusal().0, status, "{body}: {answer:?}");
    }
    let request = Request::post(PATH).header("x-user", "alice").body(Body::from(vec![b' '; 20_000])).unwrap();
    assert_eq!(world.send(request).await.refusal().0, 413);
    let empty = Request::post(PATH).header("x-user", "alice").header(header::CONTENT_TYPE, "application/json");
    assert_eq!(world.send(empty.body(Body::empty()).unwrap()).await.status, 200);
}

/// What the server holds of the session.
async fn session(world: &World, answer: &Value) -> SessionRequest {
    let id: SessionId = answer["session_id"].as_str().unwrap().parse().unwrap();
    world.auth.store().widget_session(&id).await.unwrap().unwrap().request
}
