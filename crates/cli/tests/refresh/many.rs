//! Many connections are due at once, and several nodes refresh them. `cargo xtask bench refresh`
//! uses more connections.

use std::sync::Arc;

use terra_auth_cli_testkit::refresh::world::World;
use terra_auth_model::{clock::SystemClock, store::Store};
use terra_auth_testkit::Postgres;

const CONNECTIONS: usize = 2_000;

async fn assert_each_is_refreshed_once(stores: Vec<Store>) {
    let world = World::start(stores, "at_once = 32", Arc::new(SystemClock)).await;
    world.import(CONNECTIONS).await;
    world.refresh_all().await;
    let [calls, issued, saved] =
        [world.practice.calls.count(), world.practice.refreshed_once(), world.stored_once().await];
    assert_eq!([calls, issued, saved], [CONNECTIONS; 3]);
}

async fn open(url: String) -> Store {
    terra_auth_store::open(&url.into()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_on_one_postgres_refresh_each_of_many_connections_once() {
    let database = Postgres::start().database();
    assert_each_is_refreshed_once(vec![open(database.url()).await, open(database.url()).await]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_file_refresh_each_of_many_connections_once() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = open(format!("sqlite://{}", folder.path().join("store.db").display())).await;
    assert_each_is_refreshed_once(vec![store.clone(), store]).await;
}
