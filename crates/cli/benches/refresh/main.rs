//! Two nodes on one store refresh a hundred thousand connections whose tokens expire at once. The
//! baseline is the provider's rate for the same number of callers that store nothing. Each
//! connection must be refreshed exactly once.
#![expect(clippy::unwrap_used, reason = "a bench may panic")]

mod limit;

use std::{env, sync::Arc, time::Instant};

use terra_auth_cli_testkit::refresh::world::World;
use terra_auth_model::{clock::SystemClock, store::Store};
use terra_auth_testkit::{Postgres, bench::report};
use tokio::runtime::Runtime;

/// A debug build only checks that the bench works.
const CONNECTIONS: usize = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
/// Overrides the number of connections.
const CONNECTIONS_VARIABLE: &str = "TERRA_AUTH_CONNECTIONS";
const NODES: usize = 2;
/// The number of concurrent calls of a node.
const CONCURRENCY: usize = 32;

fn main() {
    let number = env::var(CONNECTIONS_VARIABLE).map_or(CONNECTIONS, |text| text.parse().unwrap());
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(); // a temporary folder may be in memory
    let file = format!("sqlite://{}", folder.path().join("store.db").display());
    runtime.block_on(async {
        let store = open(file).await;
        compare_with_baseline("SQLite", number, vec![store; NODES]).await;
        let database = Postgres::start().database();
        let stores = [open(database.url()).await, open(database.url()).await];
        compare_with_baseline("PostgreSQL without fsync", number, stores.into()).await;
    });
}

async fn open(url: String) -> Store {
    terra_auth_store::open(&url.into()).await.unwrap()
}

/// Measures the provider's limit before and after the refreshes, because other processes may use the machine.
async fn compare_with_baseline(kind: &str, number: usize, stores: Vec<Store>) {
    let before = limit::rate(number).await;
    let ours = refreshed(number, stores).await;
    let limit = f64::midpoint(before, limit::rate(number).await);
    let ratio = ours / limit;
    report(&format!(
        "refresh, {kind}: {number} connections, {ours:.0}/s; the provider's limit {limit:.0}/s; ratio {ratio:.2}, no bar"
    ));
}

/// The refreshes per second of all nodes together.
async fn refreshed(number: usize, stores: Vec<Store>) -> f64 {
    let world = World::start(stores, &format!("at_once = {CONCURRENCY}"), Arc::new(SystemClock)).await;
    world.import(number).await;
    let rate = rate(number, world.refresh_all()).await;
    assert_eq!(world.practice.calls.count(), number, "calls of the provider");
    assert_eq!(world.practice.refreshed_once(), number, "refreshed once according to the provider");
    assert_eq!(world.stored_once().await, number, "refreshed once according to the store");
    rate
}

async fn rate(number: usize, work: impl Future<Output = ()>) -> f64 {
    let start = Instant::now();
    work.await;
    f64::from(u32::try_from(number).unwrap()) / start.elapsed().as_secs_f64()
}
