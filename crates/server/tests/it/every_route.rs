//! Each route with no credentials, with another environment's, with a malformed and an oversized body.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::{Body, Bytes};
use futures_util::stream;
use http::{Request, StatusCode};

use terra_auth_types::wire::admin::Role;

use crate::support::{Answer, TestApp};

/// Every operation that needs keys: method, path.
const WITH_KEYS: [(&str, &str); 13] = [
    ("GET", "/webhooks/destination"),
    ("PUT", "/webhooks/destination"),
    ("POST", "/auth/authenticateUser?resource=FITBIT"),
    ("POST", "/auth/generateWidgetSession"),
    ("POST", "/auth/generateAuthToken"),
    ("POST", "/auth/tokens"),
    ("DELETE", "/auth/deauthenticateUser?user_id=00000000-0000-4000-8000-000000000000"),
    ("GET", "/userInfo?reference_id=a"),
    ("POST", "/bulkUserInfo"),
    ("GET", "/subscriptions"),
    ("GET", "/subscriptions?page=0"),
    ("GET", "/userInfo"),
    ("DELETE", "/auth/deauthenticateUser"),
];

const WITH_BODY: [&str; 6] = [
    "/v2/auth/authenticateUser?resource=FITBIT",
    "/v2/auth/generateWidgetSession",
    "/v2/bulkUserInfo",
    "/api/widget/session",
    "/widget/session",
    "/widget/api/session",
];

fn checked(answer: &Answer) {
    assert_eq!(answer.header("x-terra-trace-id").len(), 32, "{answer:?}");
    assert_eq!(answer.header("terra-reference"), answer.header("x-terra-trace-id"));
}

#[tokio::test]
async fn every_route_refuses_callers_without_keys() {
    let app = TestApp::start().await;
    for (method, path) in WITH_KEYS {
        for prefix in ["/v2", "/api/v2"] {
            let request = Request::builder().method(method).uri(format!("{prefix}{path}"));
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            checked(&answer);
            assert_eq!(answer.problem(), (401, "dev-id or x-api-key headers are missing".to_owned()), "{path}");
            assert_eq!(answer.json()["instance"], format!("{prefix}{path}"));
        }
    }
}

#[tokio::test]
async fn every_route_refuses_halves_of_different_environments() {
    let app = TestApp::start().await;
    let other = app.another().await;
    let pairs = [
        (app.keys.dev_id.as_str(), other.api_key.expose()),
        (other.dev_id.as_str(), app.keys.api_key.expose()),
        (app.keys.dev_id.as_str(), "wrong"),
        ("nobody", app.keys.api_key.expose()),
    ];
    for (method, path) in WITH_KEYS {
        for (dev_id, api_key) in pairs {
            let request = Request::builder().method(method).uri(format!("/v2{path}"));
            let request = request.header("dev-id", dev_id).header("x-api-key", api_key);
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.problem().0, 401, "{path}");
        }
    }
}

#[tokio::test]
async fn malformed_bodies_are_rejected_with_the_reason() {
    let app = TestApp::start().await;
    for path in WITH_BODY {
        for body in ["{", "[1,", "\"text\"", "\u{0}", "{} {}"] {
            let request = app.request("POST", path).header("content-type", "application/json");
            let answer = app.send(request.body(Body::from(body)).unwrap()).await;
            checked(&answer);
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
            assert!(!answer.json()["message"].as_str().unwrap().is_empty());
        }
        let request = app.request("POST", path).header("content-type", "text/plain");
        let answer = app.send(request.body(Body::from("{}")).unwrap()).await;
        assert!(answer.json()["message"].as_str().unwrap().contains("Content-Type: application/json"), "{answer:?}");
    }
}

#[tokio::test]
async fn oversized_bodies_are_cut_off() {
    let app = TestApp::start().await;
    for path in WITH_BODY {
        let request = app.request("POST", path).header("content-type", "application/json");
        let answer = app.send(request.body(Body::from(vec![b' '; (1 << 20) + 1])).unwrap()).await;
        checked(&answer);
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let app = TestApp::start().await;
    for path in ["/v2", "/v2/nothing", "/v2/userInfo/", "/v3/userInfo", "/v2/activity?user_id=1"] {
        let answer = app.get(path).await;
        checked(&answer);
        assert_eq!(answer.problem().0, 404, "{path}");
    }
    let answer = app.delete("/v2/userInfo").await;
    assert_eq!(answer.problem().0, 405);
    assert!(answer.header("allow").contains("GET"), "{answer:?}");
}

#[tokio::test]
async fn health_needs_no_keys() {
    let app = TestApp::start().await;
    for (path, body) in [("/healthz", r#"{"status":"ok"}"#), ("/readyz", r#"{"status":"ok"}"#)] {
        let answer = app.send(Request::get(path).body(Body::empty()).unwrap()).await;
        checked(&answer);
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, body));
    }
}

/// Every operation of the document: method, path with values for its parameters.
fn operations() -> Vec<(&'static str, String)> {
    let document = serde_json::to_value(terra_auth_server::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path: Vec<_> = path.split('/').map(|part| if part.starts_with('{') { "one" } else { part }).collect();
        let path = path.join("/");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            if item.get(method.to_ascii_lowercase()).is_some() {
                operations.push((method, path.clone()));
            }
        }
    }
    assert!(operations.len() > 40, "{operations:?}");
    operations
}

/// The most that is read of a body before its request has shown a key.
const MAX_READ_BYTES: usize = 16 << 10;

#[tokio::test]
async fn no_route_reads_a_large_body_before_it_has_seen_a_key() {
    let app = TestApp::start().await;
    let others = ["/widget/session", "/widget/api/session"].map(|path| ("POST", path.to_owned()));
    for (method, path) in operations().into_iter().chain(others) {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let parts = stream::iter((0..1024).map(move |_| {
            counter.fetch_add(1024, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]))
        }));
        let request = Request::builder().method(method).uri(&path).header("content-type", "application/json");
        let answer = app.send(request.body(Body::from_stream(parts)).unwrap()).await;
        let read = read.load(Ordering::Relaxed);
        assert!(read <= MAX_READ_BYTES, "{method} {path} read {read} bytes: {answer:?}");
        assert!(!answer.status.is_success() || method == "GET", "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn no_answer_may_be_cached_framed_or_guessed() {
    let app = TestApp::start().await;
    for (method, path) in operations() {
        for request in [Request::builder().method(method).uri(&path), app.request(method, &path)] {
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            let headers = ["cache-control", "x-content-type-options", "x-frame-options", "referrer-policy"];
            let found = headers.map(|name| answer.header(name));
            assert_eq!(found, ["no-store", "nosniff", "DENY", "no-referrer"], "{method} {path}: {answer:?}");
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn readiness_names_providers_to_administrators_only() {
    let app = TestApp::start().await;
    let token = app.token(Role::ReadOnly).await;
    for (token, body) in [
        ("ta_admin_wrong", r#"{"status":"ok"}"#),
        (&token, r#"{"failing":[],"refused_by":[],"refused_rows":[],"status":"ok"}"#),
    ] {
        let request = Request::get("/readyz").header("authorization", format!("Bearer {token}"));
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, body));
    }
}
