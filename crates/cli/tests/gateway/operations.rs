//! Metrics and probes for the operator.

use std::time::{Duration, Instant};

use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth_cli_testkit::{Server, TIMEOUT, http::send};

use crate::support::Site;

const TOKEN: &str = "/api/terra/mobile-token";

#[tokio::test]
async fn metrics_count_requests_and_events_and_name_no_users() {
    let site = Site::new();
    let gateway = site.gateway("--operations-listen 127.0.0.1:0 --forward-to http://127.0.0.1:9/hooks");
    assert_eq!(site.ask("alice", Method::POST, TOKEN).await.status, 200);
    assert_eq!(site.ask("alice", Method::GET, "/no/such/path").await.status, 404);
    site.ask("alice", Method::DELETE, "/api/terra/connections/not-an-id").await;
    let forged = site.ask("alice", Method::POST, "/webhooks/terra").await;
    assert_eq!(forged.status, 401, "{}", forged.text);
    site.folder.connect("FITBIT", "alice");

    let metrics = metrics_with(&gateway, "terra_gateway_forwards_total").await;
    for line in [
        r#"terra_gateway_requests_total{route="/api/terra/mobile-token",status="2xx"} 1"#,
        r#"terra_gateway_requests_total{route="other",status="4xx"} 1"#,
        r#"terra_gateway_requests_total{route="/api/terra/connections/{user_id}",status="4xx"} 1"#,
        r#"terra_gateway_request_duration_seconds_bucket{route="/api/terra/mobile-token",le="10"} 1"#,
        r#"terra_gateway_upstream_calls_total{outcome="ok"} 1"#,
        r#"terra_gateway_events_refused_total{reason="not_verified"} 1"#,
        r#"terra_gateway_events_total{type="auth",result="recorded"} 1"#,
        r#"terra_gateway_forwards_total{outcome="failed"} 1"#,
        "terra_gateway_events_waiting 1",
        "terra_gateway_events_dead 0",
        "terra_gateway_breaker_open 0",
        "# HELP terra_gateway_request_duration_seconds From the head of a request to that of its response, by route",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in:\n{metrics}");
    }
    for name in ["alice", "not-an-id", "no/such"] {
        assert!(!metrics.contains(name), "{name}:\n{metrics}");
    }
}

#[tokio::test]
async fn a_probe_shows_failing_parts_and_the_public_listener_has_no_metrics() {
    let site = Site::new();
    let gateway = site.gateway("--operations-listen 127.0.0.1:0");
    let ready = json!({
        "ready": true, "store": "ok", "upstream": "ok", "login": "ok", "forwarding": { "waiting": 0, "dead": 0 },
    });
    let users = format!("http://{}/", site.address);
    for (origin, expected) in [(operations(&gateway), ready), (users.clone(), json!({ "ready": true }))] {
        assert_eq!(get(&format!("{origin}healthz")).await, (200, "ok\n".to_owned()));
        let (status, text) = get(&format!("{origin}readyz")).await;
        assert_eq!((status, serde_json::from_str::<Value>(&text).unwrap()), (200, expected), "{origin}");
    }
    assert_eq!(get(&format!("{users}metrics")).await.0, 404);

    site.upstream.signal(Signal::KILL);
    for _ in 0..6 {
        assert!(site.ask("alice", Method::POST, TOKEN).await.status.is_server_error());
    }
    let (status, text) = get(&format!("{}readyz", operations(&gateway))).await;
    assert_eq!((status, &serde_json::from_str::<Value>(&text).unwrap()["upstream"]), (200, &json!("failing")));
    let metrics = get(&format!("{}metrics", operations(&gateway))).await.1;
    assert!(metrics.contains("\nterra_gateway_breaker_open 1\n"), "{metrics}");
    assert!(metrics.contains("\nterra_gateway_upstream_calls_total{outcome=\"not_made\"} "), "{metrics}");
}

async fn get(url: &str) -> (u16, String) {
    let answer = send(Method::GET, url, &[], String::new()).await.unwrap();
    (answer.status.as_u16(), answer.text)
}

fn operations(gateway: &Server) -> String {
    gateway.ready["operations_url"].as_str().unwrap().to_owned()
}

/// Polls the metrics until they contain one with this name.
async fn metrics_with(gateway: &Server, name: &str) -> String {
    let url = format!("{}metrics", operations(gateway));
    let began = Instant::now();
    loop {
        let (status, text) = get(&url).await;
        assert_eq!(status, 200, "{text}");
        if text.contains(&format!("\n{name}")) {
            return text;
        }
        assert!(began.elapsed() < TIMEOUT, "no {name} in:\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
