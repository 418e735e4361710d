//! A hundred thousand connections whose tokens end at once, refreshed by two nodes that share a store, beside what the
//! provider answers to as many callers who keep nothing. Each must be refreshed exactly once.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]

mod limit;
#[expect(dead_code, reason = "the tests need more of it")]
mod practice;
mod world;

use std::{env, sync::Arc, time::Instant};

use terra_auth_core::{clock::SystemClock, store::Store};
use terra_auth_testkit::{Postgres, bench::report};
use tokio::runtime::Runtime;
use world::World;

/// Without optimisation it only shows that everything works.
const CONNECTIONS: usize = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
/// So many may try more or fewer.
const NUMBER: &str = "TERRA_AUTH_CONNECTIONS";

const NODES: usize = 2;
/// How many calls a node has under way.
const AT_ONCE: usize = 32;

fn main() {
    let number = env::var(NUMBER).map_or(CONNECTIONS, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(); // a temporary folder may be in memory
    let file = format!("sqlite://{}", folder.path().join("store.db").display());
    runtime.block_on(async {
        let store = open(file).await;
        beside("SQLite", number, vec![store; NODES]).await;
        let database = Postgres::start().database();
        let stores = [open(database.url()).await, open(database.url()).await];
        beside("PostgreSQL, which does not wait for the disk here", number, stores.into()).await;
    });
}

async fn open(url: String) -> Store {
    terra_auth_store::open(&url.into()).await.unwrap()
}

/// Measures the provider's limit before and after, as the machine may have other work.
async fn beside(kind: &str, number: usize, stores: Vec<Store>) {
    let before = limit::rate(number).await;
    let ours = refreshed(number, stores).await;
    let limit = f64::midpoint(before, limit::rate(number).await);
    let ratio = ours / limit;
    report(&format!(
        "refresh, {kind}: {number} connections, {ours:.0}/s; the provider's limit {limit:.0}/s; ratio {ratio:.2}, no bar"
    ));
}

/// Refreshes per second by all nodes together.
async fn refreshed(number: usize, stores: Vec<Store>) -> f64 {
    let world = World::start(stores, &format!("at_once = {AT_ONCE}"), Arc::new(SystemClock)).await;
    world.import(number).await;
    let rate = rate(number, world.refresh_all()).await;
    assert_eq!(world.practice.calls.begun(), number, "calls of the provider");
    assert_eq!(world.practice.refreshed_once(), number, "refreshed once, says the provider");
    assert_eq!(world.kept_once().await, number, "refreshed once, says the store");
    rate
}

async fn rate(number: usize, work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    f64::from(u32::try_from(number).unwrap()) / start.elapsed().as_secs_f64()
}
