use std::{convert::Infallible, time::Duration};

use axum::{body::Body, response::Response};
use futures_util::{StreamExt as _, stream};
use terra_auth::{Client, Error};

use crate::peer::{Peer, answer, credentials, unreachable_address, user_id, with};

#[tokio::test]
async fn a_body_that_does_not_end_is_a_timeout() {
    let peer = Peer::start(|_, _| {
        let start = stream::iter([Ok::<_, Infallible>("{")]);
        answer(200, Body::from_stream(start.chain(stream::pending())))
    });
    let peer = peer.await;
    let client = peer.builder().timeout(Duration::from_millis(200)).build().unwrap();
    let error = client.user_info(user_id(1)).await.unwrap_err();
    assert!(error.to_string().starts_with("no complete response within the time limit from 127.0.0.1:"), "{error}");
    assert_eq!(peer.seen().len(), 1);
}

fn long_body() -> Response {
    answer(200, Body::from_stream(stream::repeat_with(|| Ok::<_, Infallible>("x".repeat(64 * 1024)))))
}

#[tokio::test]
async fn a_body_is_read_up_to_its_maximum_size() {
    let peer = Peer::start(|_, _| long_body()).await;
    let error = peer.client().user_info(user_id(1)).await.unwrap_err();
    assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn a_list_of_users_may_be_longer() {
    let users: Vec<_> = (0..10_000).map(crate::peer::user).collect();
    let body = serde_json::to_string(&users).unwrap();
    assert!(body.len() > 1024 * 1024);
    let peer = Peer::start(move |_, _| answer(200, body.clone())).await;
    let users = peer.client().users_by_reference_id(&"alice".parse().unwrap()).await.unwrap();
    assert_eq!(users.len(), 10_000);
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let elsewhere = Peer::always(200, "{}").await;
    for status in [301, 302, 307, 308] {
        let target = format!("http://{}/v2/userInfo?token=token-not-a-secret", elsewhere.address);
        let peer = Peer::start(move |_, _| with(answer(status, ""), "location", &target)).await;
        let error = peer.client().user_info(user_id(1)).await.unwrap_err();
        let expected = format!("{status} redirects to {}, which is not followed", elsewhere.address);
        assert!(error.to_string().contains(&expected), "{error}");
        assert!(!error.to_string().contains("not-a-secret"));
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn the_error_for_an_unreachable_server_has_no_part_of_the_request() {
    let (_socket, free) = unreachable_address();
    let client = Client::builder(credentials(&free)).retries(0).build().unwrap();
    let error = client.users_by_reference_id(&"alice".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), format!("nothing listens at {free}; is `terra-auth dev` running?"));
    assert!(!format!("{error:?}").contains("alice"));
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_rejected_at_once() {
    for key in ["line\nbreak", ""] {
        let mut credentials = credentials("127.0.0.1:1");
        credentials.api_key = key.into();
        let error = Client::new(credentials).unwrap_err();
        assert_eq!(error.to_string(), "the program: TERRA_API_KEY must be visible ASCII characters");
    }
}

#[tokio::test]
async fn a_key_is_not_sent_unencrypted_to_another_machine() {
    let mut credentials = credentials("127.0.0.1:1");
    credentials.api_url = "http://terra.example.com/v2".parse().unwrap();
    let error = Client::new(credentials).unwrap_err();
    assert!(matches!(error, Error::Credentials(_)), "{error}");
}

#[tokio::test]
async fn a_traced_call_sends_its_traceparent() {
    let peer = Peer::always(200, r#"{"status":"success","providers":[]}"#).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    terra_auth::traced(traceparent.parse().unwrap(), peer.client().list_integrations()).await.unwrap();
    peer.client().list_integrations().await.unwrap();

    let seen: Vec<_> = peer.seen().into_iter().map(|seen| seen.headers.get("traceparent").cloned()).collect();
    assert_eq!(seen, [Some(traceparent.parse().unwrap()), None]);
}
