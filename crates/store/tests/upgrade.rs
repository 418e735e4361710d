//! A store of an earlier version is brought up to date with everything in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use secrecy::SecretString;
use tempfile::TempDir;
use terra_auth_core::{
    api_key::ApiKeyRecord,
    audit::AuditHead,
    developer::Developer,
    digest::KeyDigest,
    seal::Sealed,
    store::{Expired, Store},
};
use terra_auth_store::open;
use terra_auth_testkit::{Postgres, Rows, Verbs as _};
use terra_auth_types::{KeyId, Scopes};
use tokio_postgres::NoTls;
use uuid::Uuid;

const FIRST: &str = "SELECT checksum FROM schema_migrations WHERE number = 1";

/// What makes a store that ran the first migration only and holds a row in each table that the next ones touch.
/// `bytes` writes hex digits as bytes, the way a database wants it.
fn earlier(migration: &str, checksum: &str, bytes: fn(&str) -> String) -> String {
    let (now, eight, nine) = (Rows::NOW.as_millisecond(), bytes("08"), bytes("09"));
    let (id, digest) = (bytes(&"07".repeat(16)), bytes(&"07".repeat(32)));
    format!(
        "{migration}
        CREATE TABLE schema_migrations (number BIGINT PRIMARY KEY, checksum TEXT NOT NULL);
        INSERT INTO schema_migrations (number, checksum) VALUES (1, '{checksum}');
        INSERT INTO developer (dev_id, environment, name, redirect_allow_list, signing_secret, created_at_ms)
            VALUES ('acme', 'testing', 'Acme', '[]', {nine}, {now});
        INSERT INTO api_key (key_id, dev_id, name, digest, created_at_ms)
            VALUES ({id}, 'acme', 'first', {digest}, {now});
        INSERT INTO connection_count (dev_id, part, connections) VALUES ('acme', 0, 5);
        INSERT INTO widget_session (session_id, dev_id, secret_digest, state, request, created_at_ms, expires_at_ms)
            VALUES ({id}, 'acme', {digest}, 'open', '{{}}', {now}, {now});
        INSERT INTO delivery VALUES ({id}, 'acme', 'auth', '{{}}', {now}, 0, {now}, 'waiting');
        INSERT INTO revocation VALUES ({id}, 'acme', 'FITBIT', {eight}, {now}, 0, {now}, 'waiting');"
    )
}

/// Everything is there, keys may do what they could, and the environment can go.
async fn check(store: &Store) {
    let rows = Rows::default();
    let developer = Developer { signing_secret: Sealed(vec![9]), ..rows.developer("acme") };
    let key = ApiKeyRecord {
        key_id: KeyId(Uuid::from_bytes([7; 16])),
        digest: KeyDigest([7; 32]),
        hint: String::new(),
        scopes: Scopes::USUAL,
        ..rows.api_key(&developer)
    };
    assert_eq!(store.api_keys().await.unwrap(), [key]);
    assert_eq!(store.count_connections(&developer.dev_id).await.unwrap(), 5);
    assert_eq!(store.waiting_deliveries_of(&developer.dev_id).await.unwrap(), 1);
    assert_eq!(store.revision().await.unwrap(), 0);
    assert_eq!(store.hold_audit_head().await.unwrap(), AuditHead { seq: 0, mark: [0; 32] });
    assert_eq!(store.developers().await.unwrap(), [developer]);
    let now_ms = Rows::NOW.as_millisecond();
    let sessions = Expired {
        spent_before_ms: 0,
        sessions_before_ms: now_ms,
        delivered_before_ms: 0,
        receipts_before_ms: 0,
        revoked_before_ms: 0,
        limit: 9,
    };
    assert_eq!(store.forget_expired(&sessions).await.unwrap(), 1);
    assert!(store.remove_developer(&Rows::dev_id("acme")).await.unwrap());
    let provider = Rows::default().revocation(&Rows::default().developer("acme")).provider;
    let owed = store.claim_revocations(&provider, &Rows::NOW, &Rows::at(1), &9).await.unwrap();
    assert_eq!(owed.into_iter().map(|revocation| revocation.grant).collect::<Vec<_>>(), [Some(Sealed(vec![8]))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_file_is_brought_up_to_date() {
    let folder = TempDir::new().unwrap();
    let (new, old) = (folder.path().join("new.db"), folder.path().join("old.db"));
    let url = |path: &std::path::Path| SecretString::from(format!("sqlite://{}", path.display()));
    drop(open(&url(&new)).await.unwrap());
    let new = rusqlite::Connection::open(new).unwrap();
    let checksum: String = new.query_row(FIRST, [], |row| row.get(0)).unwrap();
    let script = earlier(include_str!("../migrations/sqlite/0001_first.sql"), &checksum, |hex| format!("x'{hex}'"));
    rusqlite::Connection::open(&old).unwrap().execute_batch(&script).unwrap();
    check(&open(&url(&old)).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_database_is_brought_up_to_date() {
    let (new, old) = (Postgres::start().database(), Postgres::start().database());
    drop(open(&SecretString::from(new.url())).await.unwrap());
    let (client, connection) = tokio_postgres::connect(&new.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let checksum: String = client.query_one(FIRST, &[]).await.unwrap().get(0);
    connection.abort();
    let (client, connection) = tokio_postgres::connect(&old.url(), NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let bytes = |hex: &str| format!("decode('{hex}', 'hex')");
    let script = earlier(include_str!("../migrations/postgres/0001_first.sql"), &checksum, bytes);
    client.batch_execute(&script).await.unwrap();
    connection.abort();
    check(&open(&SecretString::from(old.url())).await.unwrap()).await;
}
