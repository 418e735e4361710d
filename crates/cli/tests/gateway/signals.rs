//! Graceful shutdown of a gateway: the first signal lets work in flight finish, a second one stops
//! the gateway at once.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use axum::{Json, Router, routing::get};
use futures_util::future::join_all;
use http::{Method, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth::{UserId, webhook::SIGNATURE_HEADER_NEW};
use terra_auth_cli_testkit::{Server, http::send, until};
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::{
    Site, serve,
    webhook::{App, FORWARD_SECRET, Webhook},
};

/// How long requests and forwards in flight may take after the signal.
const GRACE: Duration = Duration::from_secs(12);
const HANG_TIME: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_forwards_in_flight_are_finished() {
    let site = Site::new();
    let app = App::start_with_delay(|trace_id| if trace_id == "hangs" { HANG_TIME } else { Duration::from_secs(2) });
    let gateway = start(&site, &app);
    let secret = site.folder.key("TERRA_SIGNING_SECRET");
    for trace_id in ["hangs", "slow"] {
        assert_eq!(event(trace_id).send(&gateway.origin(), &secret).await.unwrap(), 200);
    }
    let mut half = HalfSent::begin(&site, &event("half"), &secret);
    until("the forwards are in flight", || (app.received().len() == 2).then_some(()));
    let asked: Vec<_> = (0..8).map(|_| tokio::spawn(mint(gateway.origin()))).collect();
    sleep(Duration::from_millis(300)).await; // the app takes a second to identify the user

    let ended = tokio::task::spawn_blocking(move || gateway.stop(Signal::TERM));
    sleep(Duration::from_millis(300)).await;
    assert!(TcpStream::connect(site.address).is_err(), "new connections are rejected");
    assert!(half.finish().starts_with("HTTP/1.1 200 OK"));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap(), StatusCode::OK);
    }
    let ended = ended.await.unwrap();
    assert_eq!(ended.code, Some(0));
    assert!(ended.took < GRACE, "{:?}", ended.took);
    let expected = [("slow", "done"), ("hangs", "waiting"), ("half", "waiting")];
    for (trace_id, state) in expected {
        assert_eq!(state_of(&site, trace_id)["state"], state, "{trace_id}");
    }
    assert!(state_of(&site, "hangs")["problem"].is_string(), "its attempt was cancelled and recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_the_gateway_at_once() {
    let site = Site::new();
    let app = App::start(HANG_TIME);
    let gateway = start(&site, &app);
    let secret = site.folder.key("TERRA_SIGNING_SECRET");
    assert_eq!(event("hangs").send(&gateway.origin(), &secret).await.unwrap(), 200);
    until("the forward is in flight", || (app.received().len() == 1).then_some(()));
    gateway.signal(Signal::TERM);
    sleep(Duration::from_millis(500)).await;

    let ended = gateway.stop(Signal::TERM);
    assert_eq!(ended.code, Some(0));
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
    assert_eq!(state_of(&site, "hangs")["state"], "waiting");
}

/// Starts a gateway for an app that takes a second to identify the user.
fn start(site: &Site, app: &App) -> Server {
    let slowly = async || {
        sleep(Duration::from_secs(1)).await;
        Json(json!({ "id": "alice" }))
    };
    let (address, who) = (site.address, serve(Router::new().route("/me", get(slowly))));
    let arguments = format!("gateway --output json --listen {address} --who-am-i {who}/me --forward-to {}", app.url);
    Server::start(site.folder.command(&arguments).env("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET))
}

fn event(trace_id: &str) -> Webhook {
    Webhook::new(trace_id.to_owned(), "activity", UserId(Uuid::from_u128(1)), "alice")
}

async fn mint(origin: String) -> StatusCode {
    let url = format!("{origin}/api/terra/mobile-token");
    send(Method::POST, &url, &[("cookie", "user=alice")], String::new()).await.unwrap().status
}

fn state_of(site: &Site, trace_id: &str) -> Value {
    let listed = site.folder.json("gateway events list");
    listed.as_array().unwrap().iter().find(|event| event["trace_id"] == trace_id).unwrap().clone()
}

/// A webhook whose last byte has not been sent.
struct HalfSent {
    stream: TcpStream,
    last: u8,
}

impl HalfSent {
    fn begin(site: &Site, webhook: &Webhook, secret: &str) -> Self {
        let Webhook { trace_id, body, .. } = webhook;
        let (length, signature) = (body.len(), webhook.signature(secret));
        let mut stream = TcpStream::connect(site.address).unwrap();
        write!(
            stream,
            "POST /webhooks/terra HTTP/1.1\r\nhost: gateway\r\ncontent-length: {length}\r\n\
             {SIGNATURE_HEADER_NEW}: {signature}\r\nx-terra-trace-id: {trace_id}\r\n\r\n{}",
            &body[..length - 1]
        )
        .unwrap();
        Self { stream, last: body.as_bytes()[length - 1] }
    }

    /// Sends the last byte; returns the response.
    fn finish(&mut self) -> String {
        self.stream.write_all(&[self.last]).unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).unwrap(); // the gateway closes the connection after the response
        answer
    }
}
