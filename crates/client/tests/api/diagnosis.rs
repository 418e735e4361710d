use std::{sync::Arc, time::Duration};

use terra_auth::{Error, diagnosis::deliver, webhook::Verifier};

use crate::peer::{Peer, answer, unreachable_address, with};

const SESSION: &str =
    r#"{"session_id":"00000000-0000-4000-8000-000000000001","url":"http://127.0.0.1:1/s","expires_in":900}"#;

#[tokio::test]
async fn the_servers_clock_is_read_from_an_error_response_too() {
    let peer = Peer::start(|_, _| with(answer(500, "{}"), "date", "Tue, 01 Jan 2030 00:01:40 GMT")).await;
    let ahead = peer.client().server_clock_ahead().await.unwrap().unwrap();
    assert_eq!((ahead.as_secs(), peer.seen()[0].headers.get("x-api-key")), (100, None));
}

#[tokio::test]
async fn a_server_with_the_older_widget_call_only_is_deprecated() {
    let older = Peer::start(|seen, _| match seen.line.as_str() {
        "POST /v2/auth/generateWidgetSession" => answer(200, SESSION),
        _ => answer(404, "{}"),
    });
    let (older, newer) = (older.await, Peer::always(201, SESSION).await);
    let (on_older, on_newer) =
        (older.client().widget_call().await.unwrap(), newer.client().widget_call().await.unwrap());
    assert_eq!((on_older.url.path(), on_older.deprecated), ("/v2/auth/generateWidgetSession", true));
    assert_eq!((on_newer.url.path(), on_newer.deprecated), ("/api/widget/session", false));
}

#[tokio::test]
async fn a_delivery_is_signed_and_has_no_key() {
    let peer = Peer::start(|_, _| answer(202, "")).await;
    let url = format!("http://{}/hooks", peer.address).parse().unwrap();
    let now = "2030-01-01T00:00:00Z".parse().unwrap();
    let status = deliver(&url, &"secret-not-a-secret".into(), "{}", now, Duration::from_secs(5)).await.unwrap();
    let seen = &peer.seen()[0];
    let signature = seen.headers["x-terra-signature"].to_str().unwrap();
    assert_eq!((status, &*seen.line, seen.headers.get("x-api-key")), (202, "POST /hooks", None));
    Verifier::new(["secret-not-a-secret"]).verify(signature, b"{}", 1_893_456_000).unwrap();
}

#[tokio::test]
async fn an_unreachable_server_is_a_network_error() {
    let (_socket, address) = unreachable_address();
    let client = terra_auth::Client::builder(crate::peer::credentials(&address));
    let client = client.no_proxy().retries(0).clock(Arc::new(|| "2030-01-01T00:00:00Z".parse().unwrap()));
    assert!(matches!(client.build().unwrap().server_clock_ahead().await, Err(Error::Network { .. })));
}
