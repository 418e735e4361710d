use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use terra_auth::{Client, Error, WidgetSessionRequest};
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use crate::peer::{Peer, answer, credentials, user_id, with};

/// How often each kind of call is sent to a server that always answers so: read, make, remove.
async fn attempts(response: impl Fn() -> axum::response::Response + Clone + Send + Sync + 'static) -> [usize; 3] {
    let peer = Peer::start(move |_, _| response()).await;
    let client = peer.client();
    count(&client, || peer.seen().len()).await
}

async fn count(client: &Client, seen: impl Fn() -> usize) -> [usize; 3] {
    client.user_info(user_id(1)).await.unwrap_err();
    let reads = seen();
    client.generate_widget_session(&WidgetSessionRequest::new()).await.unwrap_err();
    let makes = seen() - reads;
    client.deauthenticate_user(user_id(1)).await.unwrap_err();
    [reads, makes, seen() - reads - makes]
}

#[tokio::test]
async fn a_failure_that_may_pass_repeats_what_only_reads() {
    for status in [429, 500, 502, 503, 504] {
        assert_eq!(attempts(move || answer(status, "{}")).await, [3, 1, 1], "{status}");
    }
}

#[tokio::test]
async fn a_refusal_that_will_stay_is_not_repeated() {
    for status in [400, 401, 403, 422, 501] {
        assert_eq!(attempts(move || answer(status, "{}")).await, [1, 1, 1], "{status}");
    }
}

#[tokio::test]
async fn a_server_that_did_nothing_and_names_a_time_is_asked_again_by_all() {
    for status in [429, 503] {
        assert_eq!(attempts(move || with(answer(status, "{}"), "retry-after", "0")).await, [3, 3, 3], "{status}");
    }
    assert_eq!(attempts(|| with(answer(500, "{}"), "retry-after", "0")).await, [3, 1, 1]);
}

#[tokio::test]
async fn a_wait_that_is_too_long_is_left_to_the_caller() {
    let peer = Peer::start(|_, _| with(answer(429, r#"{"detail":"slow down"}"#), "retry-after", "3600")).await;
    let error = peer.client().user_info(user_id(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "too many requests: 429 slow down, retry after 3600 s; ask less often");
    assert!(matches!(error, Error::RateLimited(refusal) if refusal.retry_after.unwrap().as_secs() == 3600));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn the_wait_a_server_asks_for_is_kept() {
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
async fn the_number_of_repeats_can_be_set() {
    let peer = Peer::always(500, "").await;
    peer.builder().retries(0).build().unwrap().user_info(user_id(1)).await.unwrap_err();
    assert_eq!(peer.seen().len(), 1);
}

/// A server that hangs up after its first bytes from each caller; how often it did.
async fn hangs_up() -> (String, Arc<AtomicUsize>) {
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
async fn a_lost_answer_repeats_only_what_reads() {
    let (address, connections) = hangs_up().await;
    let client = Client::new(credentials(&address)).unwrap();
    assert_eq!(count(&client, || connections.load(Relaxed)).await, [3, 1, 1]);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_tried_again_by_all() {
    let (address, connections) = hangs_up().await;
    let mut credentials = credentials(&address);
    credentials.api_url = format!("https://{address}/v2").parse().unwrap(); // no TLS there, so no request is ever sent
    let client = Client::new(credentials).unwrap();
    assert_eq!(count(&client, || connections.load(Relaxed)).await, [3, 3, 3]);
}
