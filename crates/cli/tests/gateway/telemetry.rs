//! One trace, from the caller over the gateway to the upstream, in its logs and at a collector.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use http::{HeaderMap, Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    folder::Folder,
    free_address,
    http::{Reply, send},
    serve,
    server::Server,
    until,
};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What came in, as it came.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Vec<u8>>>>);

impl Seen {
    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap().push(bytes.to_owned());
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn holds(&self, part: &[u8]) -> bool {
        self.all().iter().any(|bytes| bytes.windows(part.len()).any(|window| window == part))
    }
}

#[tokio::test]
async fn a_collector_gets_the_span_that_the_caller_and_the_upstream_know() {
    let (spans, parents) = (Seen::default(), Seen::default());
    let (_folder, gateway) = start(&parents, Some(&collector(&spans)));
    let begun = ask(&gateway, "alice", None).await;
    let continued = ask(&gateway, "alice", Some(CALLER)).await;
    assert_eq!((begun.status, continued.status), (StatusCode::OK, StatusCode::OK), "{}", begun.text);
    assert_eq!(gateway.end(Signal::TERM).code, Some(0));

    let parents = parents.all();
    for (answer, parent) in [begun, continued].iter().zip(&parents) {
        let parent: Vec<_> = str::from_utf8(parent).unwrap().split('-').collect();
        assert_eq!(answer.header("x-terra-trace-id"), parent[1]);
        for id in [parent[1], parent[2]] {
            assert!(spans.holds(&hex::decode(id).unwrap()), "the collector has no {id}");
        }
    }
    assert!(str::from_utf8(&parents[1]).unwrap().starts_with(&CALLER[..36]));
    // The caller's span is named as the parent of ours.
    assert!(spans.holds(&hex::decode(&CALLER[36..52]).unwrap()));
    assert!(spans.holds(b"terra-auth-gateway"));
}

#[tokio::test]
async fn a_line_of_the_log_names_the_trace_of_its_request() {
    let (_folder, gateway) = start(&Seen::default(), None);
    let answer = ask(&gateway, "unlucky", Some(CALLER)).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    let trace_id = answer.header("x-terra-trace-id").to_owned();
    assert_eq!(trace_id, &CALLER[3..35]);

    // What the gateway has written is read a moment later.
    let line = until("a warning of the request is in the log", || {
        let log = gateway.stderr();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["level"] == "WARN" && line["span"]["name"] == "request")
    });
    assert_eq!(line["span"]["trace.id"], *trace_id);
    assert_eq!(line["span"]["path"], "/api/terra/mobile-token");
}

#[tokio::test]
async fn a_collector_that_is_away_hurts_nobody() {
    let (_folder, gateway) = start(&Seen::default(), Some(&format!("http://{}", free_address())));
    assert_eq!(ask(&gateway, "alice", None).await.status, 200);
    assert_eq!(gateway.end(Signal::TERM).code, Some(0));
}

/// A gateway whose upstream notes each `traceparent` in `parents`.
fn start(parents: &Seen, collector: Option<&str>) -> (Folder, Server) {
    let folder = Folder::new();
    let (upstream, app) = (upstream(parents), crate::support::app());
    let keys = format!(
        "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\nTERRA_API_URL={upstream}/v2\n"
    );
    folder.write(".env.terra.testing", &keys);
    let mut command = folder.command(&format!("gateway --output json --listen 127.0.0.1:0 --who-am-i {app}/me"));
    if let Some(collector) = collector {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    }
    let server = Server::start(&mut command);
    (folder, server)
}

async fn ask(gateway: &Server, user: &str, traceparent: Option<&str>) -> Reply {
    let cookie = format!("user={user}");
    let traceparent = traceparent.map(|traceparent| ("traceparent", traceparent));
    let headers: Vec<_> = [("cookie", &*cookie)].into_iter().chain(traceparent).collect();
    send(Method::POST, &format!("{}/api/terra/mobile-token", gateway.origin()), &headers, String::new()).await.unwrap()
}

/// Mints tokens for everybody but `unlucky`.
fn upstream(parents: &Seen) -> String {
    let mint = async |State(parents): State<Seen>, uri: http::Uri, headers: HeaderMap| {
        parents.add(headers["traceparent"].as_bytes());
        let unlucky = uri.query().is_some_and(|query| query.contains("unlucky"));
        let status = if unlucky { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        (status, Json(json!({ "status": "success", "token": "test-token-not-a-secret", "expires_in": 180 })))
    };
    serve(Router::new().fallback(mint).with_state(parents.clone()))
}

/// Takes spans as OTLP over HTTP, and keeps them unread: an id is in them as its bytes, a name as its text.
fn collector(spans: &Seen) -> String {
    let take = async |State(spans): State<Seen>, body: Bytes| spans.add(&body);
    serve(Router::new().route("/v1/traces", post(take)).with_state(spans.clone()))
}
