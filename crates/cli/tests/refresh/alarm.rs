//! A whole provider that fails: said once, shown to whoever watches, and no end user's fault.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_core::store::Store;
use terra_auth_outbound::{AddressPolicy, Bounds, Http};
use terra_auth_sandbox::Fault;
use terra_auth_store::Sqlite;
use terra_auth_testkit::{FixedClock, Verbs as _};
use tokio::{net::TcpListener, time::Duration};
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

/// What the node answers whoever asks whether it is ready.
async fn readiness(world: &World) -> (u16, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/readyz", listener.local_addr().unwrap()).parse().unwrap();
    let router = terra_auth_server::router(world.nodes[0].clone());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    let bounds = Bounds { timeout: Duration::from_secs(10), size_bytes: 1024 };
    let answer = Http::new(AddressPolicy::AllowPrivate).unwrap().get(&url, HeaderMap::new(), bounds).await.unwrap();
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[tokio::test]
async fn a_provider_that_refuses_the_app_is_one_alarm_and_is_shown_until_it_accepts_it_again() {
    let log = Page::default();
    let written = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _listening = tracing::subscriber::set_default(written);
    let (store, clock) = (Store::new(Sqlite::in_memory().unwrap()), Arc::<FixedClock>::default());
    let world = World::start(vec![store], "at_once = 4", Arc::clone(&clock) as Arc<_>).await;
    world.import(20).await;
    assert_eq!(readiness(&world).await, (200, json!({ "status": "ok", "refused_by": [] })));

    world.practice.sandbox.set_fault(FACE, Some(Fault::InvalidClient));
    for _ in 0..3 {
        world.refresh_all().await;
        clock.advance(SignedDuration::from_mins(10));
    }
    assert_eq!(log.times("OURA refuses the app of"), 1);
    assert_eq!(readiness(&world).await, (200, json!({ "status": "ok", "refused_by": ["OURA"] })));
    let deliveries = world.nodes[0].store.deliveries(&world.dev_id, &100).await.unwrap();
    assert_eq!(deliveries, [], "no app is told of it");

    world.practice.sandbox.set_fault(FACE, None);
    clock.advance(SignedDuration::from_mins(10));
    world.refresh_all().await;
    assert_eq!(log.times("OURA accepts the app of"), 1);
    assert_eq!(readiness(&world).await, (200, json!({ "status": "ok", "refused_by": [] })));
    assert_eq!(world.practice.refreshed_once(), 20);
}
