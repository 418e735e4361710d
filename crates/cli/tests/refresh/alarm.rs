//! A whole provider that fails: said once, shown to whoever watches, and no end user's fault.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_core::store::Store;
use terra_auth_outbound::{AddressPolicy, Bounds, Http, Proxies};
use terra_auth_sandbox::Fault;
use terra_auth_store::Sqlite;
use terra_auth_testkit::{FixedClock, Verbs as _};
use terra_auth_types::AdminToken;
use tokio::{net::TcpListener, time::Duration};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::fmt::MakeWriter;

use crate::{practice::FACE, world::World};

/// What the log says.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn times(&self, words: &str) -> usize {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap().matches(words).count()
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Twenty connections whose tokens have ended, and the log of a node that is to refresh them.
async fn start() -> (World, Arc<FixedClock>, Page, DefaultGuard) {
    let log = Page::default();
    let listening = set_default(tracing_subscriber::fmt().with_writer(log.clone()).finish());
    let (store, clock) = (Store::new(Sqlite::in_memory().unwrap()), Arc::<FixedClock>::default());
    let world = World::start(vec![store], "at_once = 4", Arc::clone(&clock) as Arc<_>).await;
    world.import(20).await;
    (world, clock, log, listening)
}

/// Half an hour in which the node tries again and again.
async fn tries(world: &World, clock: &FixedClock) {
    for _ in 0..3 {
        world.refresh_all().await;
        clock.advance(SignedDuration::from_mins(10));
    }
}

/// What the node answers an administrator who asks whether it is ready.
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

/// The kinds of the events that the app is told.
async fn events(world: &World) -> Vec<String> {
    let deliveries = world.nodes[0].store.deliveries(&world.dev_id, &100).await.unwrap();
    deliveries.into_iter().map(|delivery| delivery.kind).collect()
}

#[tokio::test]
async fn a_provider_that_refuses_the_app_is_one_alarm_and_no_users_fault() {
    let (world, clock, log, _listening) = start().await;
    let admin = world.nodes[0].bootstrap_admin().await.unwrap().unwrap().token;
    assert_eq!(readiness(&world, &admin).await, ready(&[], &[]));
    world.practice.sandbox.set_fault(FACE, Some(Fault::InvalidClient));
    tries(&world, &clock).await;
    assert_eq!(log.times("OURA refuses the app of"), 1);
    assert_eq!(readiness(&world, &admin).await, ready(&["OURA"], &[]));

    world.practice.sandbox.set_fault(FACE, None);
    world.refresh_all().await;
    assert_eq!(log.times("OURA accepts the app of"), 1);
    assert_eq!(readiness(&world, &admin).await, ready(&[], &[]));
    assert_eq!((world.practice.refreshed_once(), events(&world).await), (20, Vec::new()));
}

#[tokio::test]
async fn a_provider_that_fails_is_one_alarm_and_each_connection_is_told_of_once_a_day() {
    let (world, clock, log, _listening) = start().await;
    let admin = world.nodes[0].bootstrap_admin().await.unwrap().unwrap().token;
    world.practice.sandbox.set_fault(FACE, Some(Fault::ServerError));
    tries(&world, &clock).await;
    assert!(world.practice.calls.begun() > 40, "each is tried again and again");
    assert_eq!(log.times("OURA fails: 5 refreshes in a row brought nothing"), 1);
    assert_eq!(readiness(&world, &admin).await, ready(&[], &["OURA"]));
    assert_eq!(events(&world).await, vec!["connection_error"; 20]);

    world.practice.sandbox.set_fault(FACE, None);
    world.refresh_all().await;
    assert_eq!((log.times("OURA answers the app of"), log.times("works again")), (1, 20));
    assert_eq!(readiness(&world, &admin).await, ready(&[], &[]));
    assert_eq!((world.practice.refreshed_once(), events(&world).await.len()), (20, 20));
}
