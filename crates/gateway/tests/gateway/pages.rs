//! Who may call from where: logins, other sites' pages, and how often.

use axum::body::Body;
use http::{Request, request::Builder};
use serde_json::Value;

use crate::world::{Answer, World};

const SETTINGS: &str = r#"
[cors]
allowed_origins = ["https://app.example"]
[limits]
user_per_minute = 3
"#;

const MINT: &str = "/api/terra/mobile-token";

async fn send(world: &World, request: Builder) -> Answer {
    world.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn nobody_is_let_in_without_a_login_and_nobody_is_redirected() {
    let world = World::start().await;
    for (method, path) in [
        ("POST", MINT),
        ("POST", "/api/terra/widget-session"),
        ("GET", "/api/terra/integrations"),
        ("GET", "/api/terra/connections"),
        ("DELETE", "/api/terra/connections/23dc2540-7139-44c6-8158-f81196e2cf2e"),
    ] {
        let answer = send(&world, Request::builder().method(method).uri(path)).await;
        let (status, code, _) = answer.refusal();
        assert_eq!((status, code.as_str()), (401, "not_logged_in"), "{method} {path}");
        assert_eq!((answer.header("www-authenticate"), answer.header("location")), ("Bearer", ""));
    }
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_say_so() {
    let world = World::start().await;
    assert_eq!(send(&world, Request::get("/nowhere")).await.refusal().0, 404);
    let wrong = send(&world, Request::get("/webhooks/terra")).await;
    assert_eq!((wrong.refusal().0, wrong.header("allow")), (405, "POST"));
    assert_eq!(send(&world, Request::get("/healthz")).await.text, "ok\n");
}

#[tokio::test]
async fn the_pages_of_the_gateway_need_no_login_and_reveal_no_state() {
    let world = World::start().await;
    for (path, says) in [("/", "terra-auth gateway"), ("/api/terra/done", "<script>window.close()</script>")] {
        let answer = send(&world, Request::get(path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(answer.text.contains(says), "{path}: {}", answer.text);
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!((answer.header("cache-control"), answer.header("x-frame-options")), ("no-store", "DENY"), "{path}");
    }
    assert_eq!(send(&world, Request::get("/readyz")).await.json(), serde_json::json!({ "ready": true }));
}

#[tokio::test]
async fn only_allowed_origins_may_call() {
    let world = World::with(SETTINGS).await;
    for (origin, allowed) in [("https://app.example", true), ("https://evil.example", false), ("null", false)] {
        let preflight = Request::options(MINT).header("origin", origin).header("access-control-request-method", "POST");
        let answer = send(&world, preflight).await;
        let said = answer.header("access-control-allow-origin");
        assert_eq!(said, if allowed { origin } else { "" }, "{answer:?}");

        let call = Request::post(MINT).header("x-user", "alice").header("x-cookie", "1").header("origin", origin);
        let answer = send(&world, call.header("sec-fetch-site", "cross-site")).await;
        if allowed {
            assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-credentials")), (200, "true"));
        } else {
            let (status, code, _) = answer.refusal();
            assert_eq!((status, code.as_str()), (403, "cross_site"));
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
}

#[tokio::test]
async fn a_login_that_a_browser_sends_by_itself_counts_under_the_gateways_own_names_only() {
    let world = World::with("public_hosts = [\"gateway.example\"]").await;
    for (host, cookie, expected) in [
        ("gateway.example", true, 200),
        ("localhost:8790", true, 200),
        ("rebound.evil.example:8790", true, 421),
        ("rebound.evil.example:8790", false, 200),
    ] {
        let call = Request::post(MINT).header("x-user", "alice").header("host", host);
        let call = call.header("origin", format!("http://{host}")).header("sec-fetch-site", "same-origin");
        let call = if cookie { call.header("x-cookie", "1") } else { call };
        let answer = send(&world, call).await;
        assert_eq!(answer.status.as_u16(), expected, "{host}: {answer:?}");
        if expected == 421 {
            assert_eq!(answer.refusal().1, "unknown_host");
        }
    }
    for path in ["/healthz", "/readyz", "/terra.js"] {
        assert_eq!(send(&world, Request::get(path).header("host", "10.1.2.3.balancer.example")).await.status, 200);
    }
}

#[tokio::test]
async fn a_login_that_a_browser_does_not_send_by_itself_needs_no_such_care() {
    let world = World::start().await;
    let call = Request::post(MINT).header("x-user", "alice").header("origin", "https://evil.example");
    assert_eq!(send(&world, call.header("sec-fetch-site", "cross-site")).await.status, 200);
}

#[tokio::test]
async fn each_user_has_a_rate_limit_shown_in_the_response() {
    let world = World::with(SETTINGS).await;
    for left in [2, 1, 0] {
        let answer = world.call("alice", "GET", "/api/terra/connections", Value::Null).await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit-policy")), (200, r#""user";q=3;w=60"#));
        assert!(answer.header("ratelimit").starts_with(&format!(r#""user";r={left};"#)), "{answer:?}");
    }
    let refused = world.call("alice", "GET", "/api/terra/connections", Value::Null).await;
    let (status, code, _) = refused.refusal();
    assert_eq!((status, code.as_str(), refused.header("retry-after")), (429, "rate_limited", "20"));
    assert!(refused.header("ratelimit").starts_with(r#""user";r=0;"#));
    assert_eq!(world.call("bob", "GET", "/api/terra/connections", Value::Null).await.status, 200);

    world.clock.advance(jiff::SignedDuration::from_secs(20));
    assert_eq!(world.call("alice", "GET", "/api/terra/connections", Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_trace_is_continued_and_every_response_has_its_id() {
    let world = World::start().await;
    let id = "0af7651916cd43dd8448eb211c80319c";
    let call = Request::post(MINT).header("traceparent", format!("00-{id}-b7ad6b7169203331-01"));
    assert_eq!(send(&world, call).await.header("x-terra-trace-id"), id);
    let own = send(&world, Request::get("/nowhere").header("traceparent", "nonsense")).await;
    assert_eq!(own.header("x-terra-trace-id").len(), 32);
}
