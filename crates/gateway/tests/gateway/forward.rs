//! Events on their way from the gateway to the app.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, response::IntoResponse as _};
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use terra_auth::webhook::Verifier;
use terra_auth_model::received_event::{EventFilter, ForwardState, ReceivedEvent};
use tokio::sync::oneshot;
use url::Url;

use crate::world::{FORWARD_SECRET, World, free_port, serve};

/// The app's receiver: keeps what comes and answers as it was told, then 204.
#[derive(Clone, Default)]
struct App {
    seen: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl App {
    async fn start() -> (Self, Url) {
        let (listener, url) = free_port().await;
        let app = Self::default();
        let receiver = app.clone();
        let answer = async move |headers: HeaderMap, body: Bytes| {
            receiver.seen.lock().unwrap().push((headers, body));
            let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(204);
            let status = StatusCode::from_u16(status).unwrap();
            if status.is_redirection() {
                return (status, [("location", "/hooks/terra/?key=not-a-secret")]).into_response();
            }
            status.into_response()
        };
        serve(listener, Router::new().fallback(answer));
        (app, url)
    }

    fn will_answer(&self, statuses: impl IntoIterator<Item = u16>) {
        self.answers.lock().unwrap().extend(statuses);
    }

    fn seen(&self) -> Vec<(HeaderMap, Bytes)> {
        self.seen.lock().unwrap().clone()
    }
}

/// A world whose gateway forwards to an app.
async fn world() -> (World, App, Forwarder) {
    let (app, url) = App::start().await;
    let world = World::with(&format!("[webhooks]\nforward_to = \"{url}hooks/terra\"\n")).await;
    let forwarder = Forwarder::start(&world);
    (world, app, forwarder)
}

/// Forwards until it is stopped.
struct Forwarder {
    stop: oneshot::Sender<()>,
    work: tokio::task::JoinHandle<()>,
}

impl Forwarder {
    fn start(world: &World) -> Self {
        let (stop, stopped) = oneshot::channel();
        let gateway = world.gateway.clone();
        let work = tokio::spawn(async move { gateway.forward(async { drop(stopped.await) }).await });
        Self { stop, work }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.work.await.unwrap();
    }
}

async fn event(world: &World) -> ReceivedEvent {
    let filter = EventFilter { limit: 10, ..EventFilter::default() };
    let mut events = world.gateway.inbox().events(&filter).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

/// Waits until the one event is as the test expects.
async fn until(world: &World, is_so: impl Fn(&ReceivedEvent) -> bool) -> ReceivedEvent {
    for _ in 0..500 {
        let event = event(world).await;
        if is_so(&event) {
            return event;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 10 s: {:?}", event(world).await);
}

#[tokio::test]
async fn the_app_gets_the_unchanged_event_signed_with_its_own_secret() {
    let (world, app, forwarder) = world().await;
    world.connect("alice", "phone").await;
    let event = until(&world, |event| event.state == ForwardState::Done).await;
    forwarder.stop().await;

    let [(headers, body)] = &app.seen()[..] else { panic!("{:?}", app.seen()) };
    assert_eq!(body.as_ref(), event.body);
    let signed_at = |secret: &str, name: &str| Verifier::new([secret]).verify(&headers[name], body, world.now());
    for name in ["terra-signature", "x-terra-signature"] {
        assert_eq!(signed_at(FORWARD_SECRET, name), Ok(world.now()));
        assert!(signed_at(world.keys.signing_secret.expose(), name).is_err(), "Terra's secret stays here");
    }
    assert_eq!(headers["x-terra-trace-id"].to_str().unwrap(), event.trace_id.unwrap());
    assert_eq!(headers["x-terra-ordering-timestamp"].to_str().unwrap(), event.ordering.unwrap());
    assert_eq!(headers["content-type"], "application/json");
}

#[tokio::test]
async fn an_app_that_fails_is_tried_again_later_with_a_fresh_signature() {
    let (world, app, forwarder) = world().await;
    app.will_answer([500, 302]);
    world.connect("alice", "phone").await;
    for status in [500, 302] {
        let event = until(&world, |event| failed_with(event, status)).await;
        assert_eq!(event.state, ForwardState::Waiting);
        world.clock.advance(SignedDuration::from_secs(60));
    }
    until(&world, |event| event.state == ForwardState::Done).await;
    forwarder.stop().await;

    let signatures: Vec<_> = app.seen().iter().map(|(headers, _)| headers["terra-signature"].clone()).collect();
    assert!(signatures.len() == 3 && signatures[0] != signatures[1] && signatures[1] != signatures[2]);
}

#[tokio::test]
async fn a_redirect_of_the_app_is_recorded_and_not_followed() {
    let (world, app, forwarder) = world().await;
    app.will_answer([308]);
    world.connect("alice", "phone").await;
    let event = until(&world, |event| event.problem.is_some()).await;
    let problem = event.problem.unwrap();
    assert!(problem.contains("308") && problem.contains("/hooks/terra/, which"), "{problem}");
    assert!(!problem.contains("not-a-secret"), "{problem}");
    assert_eq!(app.seen().len(), 1);
    forwarder.stop().await;
}

#[tokio::test]
async fn an_event_that_the_app_never_accepts_becomes_dead_and_can_be_replayed() {
    let (world, app, forwarder) = world().await;
    app.will_answer(400..411);
    world.connect("alice", "phone").await;
    for status in 400..410 {
        until(&world, |event| failed_with(event, status)).await;
        world.clock.advance(SignedDuration::from_hours(9));
    }
    let dead = until(&world, |event| event.state == ForwardState::Dead).await;
    assert_eq!((dead.attempts, dead.problem.as_deref()), (11, Some("the app answered 410")));
    assert_eq!(world.gateway.inbox().counts().await.unwrap().dead, 1);

    assert!(world.gateway.inbox().replay(dead.event_id).await.unwrap());
    until(&world, |event| event.state == ForwardState::Done).await;
    forwarder.stop().await;
    assert_eq!(app.seen().len(), 12);
}

/// Whether the latest attempt is over and the app answered so.
fn failed_with(event: &ReceivedEvent, status: u16) -> bool {
    event.problem.as_deref().is_some_and(|problem| problem.starts_with(&format!("the app answered {status}")))
}

#[tokio::test]
async fn a_gateway_that_died_while_it_forwarded_forwards_again_after_its_lease() {
    let (app, url) = App::start().await;
    let world = World::with(&format!("[webhooks]\nforward_to = \"{url}\"\n")).await;
    world.connect("alice", "phone").await;
    let claimed = world.gateway.inbox().claim_forwards(10).await.unwrap();
    assert_eq!(claimed.len(), 1, "and then the process dies");

    let forwarder = Forwarder::start(&world);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(app.seen().is_empty());
    world.clock.advance(SignedDuration::from_secs(61));
    until(&world, |event| event.state == ForwardState::Done).await;
    forwarder.stop().await;
    assert_eq!(app.seen().len(), 1);
}

#[tokio::test]
async fn a_slow_app_delays_only_its_own_event() {
    let (world, app, forwarder) = world().await;
    let (listener, silent) = free_port().await;
    let settings = format!("[webhooks]\nforward_to = \"{silent}\"\n");
    world.gateway.reload(&crate::world::config(&settings, world.credentials())).unwrap();
    world.connect("alice", "phone").await;
    until(&world, |event| event.attempts == 1).await;

    let began = std::time::Instant::now();
    assert_eq!(world.connections("alice").await.len(), 1);
    assert!(began.elapsed() < Duration::from_secs(2));
    let late = until(&world, |event| event.problem.is_some()).await;
    assert!(late.problem.unwrap().contains("in time"));
    forwarder.stop().await;
    drop(listener);
    assert!(app.seen().is_empty());
}
