//! A store behind `PgBouncer`, where each transaction may meet another server connection.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::time::Instant;

use terra_auth_model::store::Store;
use terra_auth_store::{Postgres, PostgresError};
use terra_auth_testkit::{Database, Fixtures, PgBouncer, PoolMode, Postgres as TestServer, StoreExt as _};

const CLIENTS: usize = 8;
const CALLS: usize = 50;

async fn open(url: &str) -> Result<Store, PostgresError> {
    Postgres::connect(&url.into()).await.map(Store::new)
}

/// Writes and reads with eight clients at once; answers the calls per second.
async fn work(store: &Store) -> f64 {
    let (start, rows) = (Instant::now(), Fixtures::default());
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    let clients = (0..CLIENTS).map(|_| {
        let connections: Vec<_> = (0..CALLS).map(|_| rows.connection(&developer)).collect();
        let store = store.clone();
        tokio::spawn(async move {
            for connection in connections {
                store.add_connection(&connection).await.unwrap();
                assert!(store.developers().await.unwrap().len() == 1);
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let calls = (CLIENTS * CALLS * 2) as f64;
    calls / start.elapsed().as_secs_f64()
}

fn database() -> Database {
    TestServer::start().database()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_pooler_is_found_and_serves_eight_clients_without_an_error() {
    let (database, beside) = (database(), database());
    let bouncer = PgBouncer::start(&database.url(), PoolMode::Transaction, 4);
    let pooled = work(&open(&bouncer.url()).await.unwrap()).await;
    let prepared = work(&open(&format!("{}&statement_cache=on", beside.url())).await.unwrap()).await;
    println!("PgBouncer {pooled:.0} calls/s, prepared without it {prepared:.0}: × {:.2}", pooled / prepared);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_was_not_detected_at_start_is_detected_later() {
    let database = database();
    let bouncer = PgBouncer::start(&database.url(), PoolMode::Transaction, 3);
    work(&open(&format!("{}?statement_cache=on", bouncer.url())).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_pooler_works_with_fewer_connections_than_clients() {
    let database = database();
    let bouncer = PgBouncer::start(&database.url(), PoolMode::Session, 5);
    work(&open(&format!("{}?pool=4", bouncer.url())).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_pooler_is_refused_with_the_reason() {
    let database = database();
    let bouncer = PgBouncer::start(&database.url(), PoolMode::Statement, 5);
    let error = open(&bouncer.url()).await.err().unwrap();
    assert!(matches!(error, PostgresError::StatementPooling), "{error:?}");
}
