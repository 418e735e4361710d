//! One trace from the caller through the gateway to the upstream, in the log and at a collector.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, body::Bytes, extract::State, routing::post};
use http::{HeaderMap, Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth_cli_testkit::{
    Folder, Server,
    http::{Reply, send},
    until,
};

use crate::support::{free_address, serve};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The received data, unparsed.
#[derive(Clone, Default)]
struct RecordedBytes(Arc<Mutex<Vec<Vec<u8>>>>);

impl RecordedBytes {
    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap().push(bytes.to_owned());
    }

    fn all(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }

    fn contains(&self, part: &[u8]) -> bool {
        self.all().iter().any(|bytes| bytes.windows(part.len()).any(|window| window == part))
    }
}

#[tokio::test]
async fn a_collector_gets_the_span_that_links_the_caller_and_the_upstream() {
    let (spans, parents) = (RecordedBytes::default(), RecordedBytes::default());
    let (_folder, gateway) = start(&parents, Some(&collector(&spans)));
    let begun = ask(&gateway, "alice", None).await;
    let continued = ask(&gateway, "alice", Some(CALLER)).await;
    assert_eq!((begun.status, continued.status), (StatusCode::OK, StatusCode::OK), "{}", begun.text);
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));

    let parents = parents.all();
    for (answer, parent) in [begun, continued].iter().zip(&parents) {
        let parent: Vec<_> = str::from_utf8(parent).unwrap().split('-').collect();
        assert_eq!(answer.header("x-terra-trace-id"), parent[1]);
        for id in [parent[1], parent[2]] {
            assert!(spans.contains(&hex::decode(id).unwrap()), "the collector has no {id}");
        }
    }
    assert!(str::from_utf8(&parents[1]).unwrap().starts_with(&CALLER[..36]));
    // The caller's span is the parent of ours.
    assert!(spans.contains(&hex::decode(&CALLER[36..52]).unwrap()));
    assert!(spans.contains(b"terra-auth-gateway"));
}

#[tokio::test]
async fn each_log_line_has_the_trace_id_of_its_request() {
    let (_folder, gateway) = start(&RecordedBytes::default(), None);
    let answer = ask(&gateway, "unlucky", Some(CALLER)).await;
    assert_eq!(answer.status, 502, "{}", answer.text);
    let trace_id = answer.header("x-terra-trace-id").to_owned();
    assert_eq!(trace_id, &CALLER[3..35]);

    // The log is read with a delay.
    let line = until("a warning of the request is in the log", || {
        let log = gateway.stderr();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["level"] == "WARN" && line["span"]["name"] == "request")
    });
    assert_eq!(line["span"]["trace.id"], *trace_id);
    assert_eq!(line["span"]["path"], "/api/terra/mobile-token");
}

#[tokio::test]
async fn an_unreachable_collector_does_not_affect_requests() {
    let (_folder, gateway) = start(&RecordedBytes::default(), Some(&format!("http://{}", free_address())));
    assert_eq!(ask(&gateway, "alice", None).await.status, 200);
    assert_eq!(gateway.stop(Signal::TERM).code, Some(0));
}

/// Starts a gateway whose upstream records each `traceparent` in `parents`.
fn start(parents: &RecordedBytes, collector: Option<&str>) -> (Folder, Server) {
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

/// Starts an upstream that mints tokens for all users except `unlucky`.
fn upstream(parents: &RecordedBytes) -> String {
    let mint = async |State(parents): State<RecordedBytes>, uri: http::Uri, headers: HeaderMap| {
        parents.add(headers["traceparent"].as_bytes());
        let unlucky = uri.query().is_some_and(|query| query.contains("unlucky"));
        let status = if unlucky { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        (status, Json(json!({ "status": "success", "token": "test-token-not-a-secret", "expires_in": 180 })))
    };
    serve(Router::new().fallback(mint).with_state(parents.clone()))
}

/// Starts a collector of OTLP over HTTP that stores spans unparsed: an id is in them as bytes, a
/// name as text.
fn collector(spans: &RecordedBytes) -> String {
    let take = async |State(spans): State<RecordedBytes>, body: Bytes| spans.add(&body);
    serve(Router::new().route("/v1/traces", post(take)).with_state(spans.clone()))
}
