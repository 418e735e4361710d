use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use terra_auth::{Client, Error, WidgetSessionRequest};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::peer::{Peer, answer, credentials, user_id, with};

/// Returns how often each kind of call is sent to a server that always responds so: read, create, delete.
async fn attempts(response: impl Fn() -> axum::response::Response + Clone + Send + Sync + 'static) -> [usize; 3] {
    let peer = Peer::start(move |_, _| response()).await;
    let client = peer.client();
    count(&client, || peer.seen().len()).await
}

async fn count(client: &Client, seen: impl Fn() -> usize) -> [usize; 3] {
    client.user_info(user_id(1)).await.unwrap_err();
    let reads = seen();
    client.generate_widget_session(&WidgetSessionRequest::new()).await.unwrap_err();
    let creates = seen() - reads;
    client.deauthenticate_user(user_id(1)).await.unwrap_err();
    [reads, creates, seen() - reads - creates]
}

#[tokio::test]
async fn after_a_temporary_failure_only_reads_are_retried() {
    for status in [429, 500, 502, 503, 504] {
        assert_eq!(attempts(move || answer(status, "{}")).await, [3, 1, 1], "{status}");
    }
}

#[tokio::test]
async fn after_a_permanent_error_nothing_is_retried() {
    for status in [400, 401, 403, 422, 501] {
        assert_eq!(attempts(move || answer(status, "{}")).await, [1, 1, 1], "{status}");
    }
}

#[tokio::test]
async fn after_a_rejection_with_a_retry_after_all_calls_are_retried() {
    for status in [429, 503] {
        assert_eq!(attempts(move || with(answer(status, "{}"), "retry-after", "0")).await, [3, 3, 3], "{status}");
    }
    assert_eq!(attempts(|| with(answer(500, "{}"), "retry-after", "0")).await, [3, 1, 1]);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let peer = Peer::start(|_, _| with(answer(429, r#"{"detail":"slow down"}"#), "retry-after", "3600")).await;
    let error = peer.client().user_info(user_id(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "too many requests: 429 slow down, retry after 3600 s; send fewer requests");
    assert!(matches!(error, Error::RateLimited(refusal) if refusal.retry_after.unwrap().as_secs() == 3600));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn the_client_waits_for_retry_after() {
    let peer = Peer::start(|_, nth| match nth {
        0 => with(answer(503, "{}"), "retry-after", "1"),
        _ => answer(200, r#"{"token":"t"}"#),
    });
    let peer = peer.await;
    let start = std::time::Instant::now();
    peer.client().developer_streaming_token().await.unwrap();
    assert!(start.elapsed().as_secs_f32() >= 1.0);
    assert_eq!(peer.seen().len(), 2);
}

#[tokio::test]
async fn the_number_of_retries_can_be_set() {
    let peer = Peer::always(500, "").await;
    peer.builder().retries(0).build().unwrap().user_info(user_id(1)).await.unwrap_err();
    assert_eq!(peer.seen().len(), 1);
}

/// Starts a server that closes each connection after its first bytes. Returns its address and the number of
/// connections.
async fn start_closing_server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            counter.fetch_add(1, Relaxed);
            let _ = socket.read(&mut [0; 4096]).await;
        }
    });
    (address, connections)
}

#[tokio::test]
async fn after_a_lost_response_only_reads_are_retried() {
    let (address, connections) = start_closing_server().await;
    let client = Client::new(credentials(&address)).unwrap();
    assert_eq!(count(&client, || connections.load(Relaxed)).await, [3, 1, 1]);
}

#[tokio::test]
async fn if_the_server_cannot_be_reached_all_calls_are_retried() {
    let (address, connections) = start_closing_server().await;
    let mut credentials = credentials(&address);
    credentials.api_url = format!("https://{address}/v2").parse().unwrap(); // no TLS there, so no request is sent
    let client = Client::new(credentials).unwrap();
    assert_eq!(count(&client, || connections.load(Relaxed)).await, [3, 3, 3]);
}
