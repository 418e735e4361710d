//! What is special about a store in PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{error::Error as _, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;
use terra_auth_model::{
    connection::Connection,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};
use terra_auth_store::{MigrateError, Postgres, PostgresError};
use terra_auth_testkit::{Database, Fixtures, Postgres as TestServer, StoreExt as _};
use terra_auth_types::DevId;
use tokio_postgres::NoTls;

async fn connect(database: &Database) -> Result<Postgres, PostgresError> {
    Postgres::connect(&SecretString::from(database.url())).await
}

/// Runs a script as somebody else.
async fn script(database: &Database, text: &str) {
    let (client, connection) = tokio_postgres::connect(&database.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(text).await.unwrap();
    connection.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_start_at_once_on_an_empty_database() {
    let database = TestServer::start().database();
    let (a, b, c, d) = tokio::join!(connect(&database), connect(&database), connect(&database), connect(&database));
    for started in [a, b, c, d] {
        assert_eq!(Store::new(started.unwrap()).developers().await.unwrap(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let database = TestServer::start().database();
    connect(&database).await.unwrap();
    script(&database, "INSERT INTO schema_migrations VALUES (1000, 'later')").await;
    let error = connect(&database).await.err().unwrap();
    let PostgresError::Migrate(MigrateError::Newer { found, known }) = error else { panic!("{error}") };
    assert_eq!(found, known + 1);
}

#[tokio::test]
async fn a_password_is_not_shown_when_the_server_cannot_be_reached() {
    let url = SecretString::from("postgres://terra:not-a-secret@127.0.0.1:1/db");
    let error = Postgres::connect(&url).await.err().unwrap();
    assert_eq!(error.to_string(), "could not connect to PostgreSQL");
    assert!(!format!("{error:?} {:?}", error.source()).contains("not-a-secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_connections_are_replaced() {
    let database = TestServer::start().database();
    let store = Store::new(connect(&database).await.unwrap());
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    script(&database, others).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(store.developers().await.unwrap(), []);
}

/// Holds two developers, slowly enough for another one to get in between.
struct HoldSlowly(DevId, DevId);

#[async_trait]
impl Unit for HoldSlowly {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.lock_developer(&self.0).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(tx.lock_developer(&self.1).await?.is_some())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_wait_for_each_other_one_runs_again() {
    let database = TestServer::start().database();
    let (rows, store) = (Fixtures::default(), Store::new(connect(&database).await.unwrap()));
    let (a, b) = (rows.developer("a"), rows.developer("b"));
    store.add_developer(&a).await.unwrap();
    store.add_developer(&b).await.unwrap();
    let forth = store.run(HoldSlowly(a.dev_id.clone(), b.dev_id.clone()));
    let back = store.run(HoldSlowly(b.dev_id, a.dev_id));
    assert!(matches!(tokio::join!(forth, back), (Ok(true), Ok(true))));
}

/// Ends a connection, slowly enough for another one of the account to end at the same time; answers how many others are left.
struct LeaveSlowly(Connection);

#[async_trait]
impl Unit for LeaveSlowly {
    type Done = usize;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<usize, StoreError> {
        let Connection { dev_id, user_id, provider, account, .. } = &self.0;
        let held = tx.lock_grants_of_account(dev_id, provider, account).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        tx.delete_connection(dev_id, *user_id).await?;
        Ok(held.iter().filter(|grant| grant.user_id != *user_id).count())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_simultaneous_deletions_of_an_account_revoke_it_once() {
    let database = TestServer::start().database();
    let (rows, store) = (Fixtures::default(), Store::new(connect(&database).await.unwrap()));
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    let (a, b) = (rows.connection(&developer), rows.connection(&developer));
    store.add_connection(&a).await.unwrap();
    store.add_connection(&b).await.unwrap();
    let (a, b) = tokio::join!(store.run(LeaveSlowly(a)), store.run(LeaveSlowly(b)));
    assert_eq!(a.unwrap() + b.unwrap(), 1, "one sees the other, which sees nobody");
}
