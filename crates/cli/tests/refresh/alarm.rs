//! A provider that fails for all connections: one alarm in the log, visible in `/readyz`, and no
//! user is disconnected.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_cli_testkit::refresh::{practice::PROFILE, world::World};
use terra_auth_egress::{AddressPolicy, Bounds, Http, Proxies};
use terra_auth_model::store::Store;
use terra_auth_sandbox::Fault;
use terra_auth_store::Sqlite;
use terra_auth_testkit::FixedClock;
use terra_auth_types::AdminToken;
use tokio::{net::TcpListener, time::Duration};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::fmt::MakeWriter;

/// The text of the log.
#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl LogBuffer {
    fn times(&self, words: &str) -> usize {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap().matches(words).count()
    }
}

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogBuffer {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Starts a node with twenty connections whose tokens have expired, and captures its log.
async fn start() -> (World, Arc<FixedClock>, LogBuffer, DefaultGuard) {
    let log = LogBuffer::default();
    let listening = set_default(tracing_subscriber::fmt().with_writer(log.clone()).finish());
    let (store, clock) = (Store::new(Sqlite::in_memory().unwrap()), Arc::<FixedClock>::default());
    let world = World::start(vec![store], "at_once = 4", Arc::clone(&clock) as Arc<_>).await;
    world.import(20).await;
    (world, clock, log, listening)
}

/// Lets the node refresh all connections every 10 minutes, for half an hour.
async fn refresh_for_half_an_hour(world: &World, clock: &FixedClock) {
    for _ in 0..3 {
        world.refresh_all().await;
        clock.advance(SignedDuration::from_mins(10));
    }
}

/// The node's `/readyz` response to an admin.
async fn readiness(world: &World, admin: &AdminToken) -> (u16, Value) {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {}", admin.expose()).parse().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap()).parse().unwrap();
    let router = terra_auth_server::router(world.nodes[0].clone());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    let bounds = Bounds { timeout: Duration::from_secs(10), size_bytes: 1024 };
    let answer =
        Http::new(AddressPolicy::AllowPrivate, Proxies::None).unwrap().get(&url, headers, bounds).await.unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn ready(refused_by: &[&str], failing: &[&str]) -> (u16, Value) {
    (200, json!({ "status": "ok", "refused_by": refused_by, "failing": failing, "refused_rows": [] }))
}

/// The types of the events sent to the app.
async fn events(world: &World) -> Vec<String> {
    let events = world.nodes[0].events_after(&world.dev_id, None, 100).await.unwrap();
    events.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_provider_that_rejects_the_app_raises_one_alarm_and_sends_no_events() {
    let (world, clock, log, _listening) = start().await;
    let admin = world.nodes[0].bootstrap_admin().await.unwrap().unwrap().token;
    assert_eq!(readiness(&world, &admin).await, ready(&[], &[]));
    world.practice.sandbox.set_fault(PROFILE, Some(Fault::InvalidClient));
    refresh_for_half_an_hour(&world, &clock).await;
    assert_eq!(log.times("OURA refuses the app of"), 1);
    assert_eq!(readiness(&world, &admin).await, ready(&["OURA"], &[]));

    world.practice.sandbox.set_fault(PROFILE, None);
    world.refresh_all().await;
    assert_eq!(log.times("OURA accepts the app of"), 1);
    assert_eq!(readiness(&world, &admin).await, ready(&[], &[]));
    assert_eq!((world.practice.refreshed_once(), events(&world).await), (20, Vec::new()));
}

#[tokio::test]
async fn a_failing_provider_raises_one_alarm_and_one_event_per_connection() {
    let (world, clock, log, _listening) = start().await;
    let admin = world.nodes[0].bootstrap_admin().await.unwrap().unwrap().token;
    world.practice.sandbox.set_fault(PROFILE, Some(Fault::ServerError));
    refresh_for_half_an_hour(&world, &clock).await;
    assert!(world.practice.calls.count() > 40, "each refresh is retried");
    assert_eq!(log.times("5 consecutive refreshes at OURA failed"), 1);
    assert_eq!(readiness(&world, &admin).await, ready(&[], &["OURA"]));
    assert_eq!(events(&world).await, vec!["connection_error"; 20]);

    world.practice.sandbox.set_fault(PROFILE, None);
    world.refresh_all().await;
    assert_eq!((log.times("OURA responds to the app of"), log.times("works again")), (1, 20));
    assert_eq!(readiness(&world, &admin).await, ready(&[], &[]));
    assert_eq!((world.practice.refreshed_once(), events(&world).await.len()), (20, 20));
}
