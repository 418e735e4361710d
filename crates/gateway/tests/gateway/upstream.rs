//! An upstream that misbehaves, as the gateway's callers see it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request as Seen, response::Response};
use http::Request;
use serde_json::Value;
use terra_auth_gateway::{Dependencies, Gateway};
use terra_auth_model::store::Store;
use terra_auth_store::Sqlite;
use terra_auth_testkit::{CountingEntropy, FixedClock};

use crate::world::{Answer, World, answer_of, config, free_port, serve};

/// What a gateway answers whose upstream answers so. Requests that reached it are counted.
struct Misbehaving {
    router: Router,
    asked: Arc<AtomicU32>,
    clock: Arc<FixedClock>,
}

impl Misbehaving {
    async fn start(settings: &str, answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let (listener, url) = free_port().await;
        let asked = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&asked);
        let upstream = Router::new().fallback(async move |_: Seen| {
            counter.fetch_add(1, Ordering::Relaxed);
            answer()
        });
        serve(listener, upstream);
        let clock = Arc::new(FixedClock::default());
        let router = gateway(settings, &url, &clock).router();
        Self { router, asked, clock }
    }

    async fn mint(&self) -> Answer {
        let request = Request::post("/api/terra/mobile-token").header("x-user", "alice").body(Body::empty());
        answer_of(&self.router, request.unwrap()).await
    }

    fn asked(&self) -> u32 {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

fn gateway(settings: &str, url: &url::Url, clock: &Arc<FixedClock>) -> Gateway {
    let mut credentials = terra_auth::Credentials::new(
        terra_auth::Environment::Testing,
        "acme-testing-0000000000".parse().unwrap(),
        "test-key-not-a-secret".into(),
    );
    credentials.api_url = url.join("v2").unwrap();
    let parts = Dependencies {
        store: Store::new(Sqlite::in_memory().unwrap()),
        clock: clock.clone(),
        entropy: Arc::new(CountingEntropy::default()),
    };
    Gateway::new(&config(settings, credentials), parts).unwrap()
}

fn answer(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    Response::builder().status(status).header("content-type", content_type).body(body.into()).unwrap()
}

#[tokio::test]
async fn unusable_upstream_responses_become_clear_errors_without_their_text() {
    let html = "<html><body>secret internals</body></html>";
    for (status, content_type, body, expected) in [
        (200, "text/html", html, (502, "upstream_failed")),
        (500, "text/html", html, (502, "upstream_failed")),
        (503, "application/json", r#"{"message":"secret internals"}"#, (502, "upstream_failed")),
        (404, "text/html", html, (502, "upstream_failed")),
        (401, "application/json", r#"{"message":"secret internals"}"#, (502, "upstream_refused_keys")),
        (403, "application/json", r#"{"message":"secret internals"}"#, (502, "upstream_refused_keys")),
        (429, "application/json", r#"{"detail":"rate limit exceeded"}"#, (503, "upstream_rate_limited")),
        (302, "text/html", html, (502, "upstream_failed")),
        (200, "application/json", r#"{"token":3}"#, (502, "upstream_failed")),
        (200, "application/json", "", (502, "upstream_failed")),
    ] {
        let upstream = Misbehaving::start("", move || answer(status, content_type, body)).await;
        let told = upstream.mint().await;
        let (status_told, code, detail) = told.refusal();
        assert_eq!((status_told, code.as_str()), expected, "{status} {body}: {told:?}");
        assert!(!detail.contains("secret") && !told.text.contains("127.0.0.1"), "{told:?}");
    }
}

#[tokio::test]
async fn a_slow_upstream_hits_the_timeout() {
    let endless = || futures_util::stream::once(futures_util::future::pending::<Result<Vec<u8>, std::io::Error>>());
    let slow = move || answer(200, "application/json", Body::from_stream(endless()));
    let upstream = Misbehaving::start("[upstream]\ntimeout_s = 1\n", slow).await;

    let began = std::time::Instant::now();
    let told = upstream.mint().await;

    let (status, code, _) = told.refusal();
    assert_eq!((status, code.as_str()), (504, "upstream_timeout"), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_unreachable_upstream_is_reported_at_once() {
    let clock = Arc::new(FixedClock::default());
    let (listener, url) = free_port().await;
    drop(listener);
    let router = gateway("", &url, &clock).router();
    let request = Request::post("/api/terra/mobile-token").header("x-user", "alice").body(Body::empty()).unwrap();
    let told = answer_of(&router, request).await;
    assert_eq!(told.refusal().0, 502, "{told:?}");
}

#[tokio::test]
async fn an_upstream_that_fails_again_and_again_is_left_alone_and_tried_later() {
    let settings = "[upstream]\nfailures = 3\npause_s = 7\n";
    let upstream = Misbehaving::start(settings, || answer(500, "application/json", "{}")).await;
    for _ in 0..3 {
        assert_eq!(upstream.mint().await.status, 502);
    }
    assert!(upstream.asked() >= 3);

    let paused = upstream.mint().await;
    assert_eq!((paused.refusal().1.as_str(), paused.header("retry-after")), ("upstream_unavailable", "7"));
    assert_eq!(upstream.asked(), 0);

    upstream.clock.advance(jiff::SignedDuration::from_secs(7));
    assert_eq!(upstream.mint().await.status, 502, "the one that tries");
    assert_eq!(upstream.mint().await.status, 503);
}

#[tokio::test]
async fn while_the_upstream_is_down_connections_are_listed_and_none_is_removed() {
    let world = World::start().await;
    let user_id = world.connect("alice", "phone").await;
    let mut credentials = world.credentials();
    let (listener, url) = free_port().await;
    drop(listener);
    credentials.api_url = url.join("v2").unwrap();
    world.gateway.reload(&config("", credentials)).unwrap();

    let removed = world.call("alice", "DELETE", &format!("/api/terra/connections/{user_id}"), Value::Null).await;

    assert_eq!(removed.status, 502, "{removed:?}");
    assert_eq!(world.connections("alice").await.len(), 1);
}
