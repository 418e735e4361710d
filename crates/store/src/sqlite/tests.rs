//! A fault that only SQLite can have: one failure for all who share a commit.

use async_trait::async_trait;
use rusqlite::Connection;
use terra_auth_model::{
    delivery::Delivery,
    event::EventRecord,
    mobile_token::TokenId,
    revocation::Revocation,
    store::{Job, Tx},
    store_error::StoreError,
};
use terra_auth_testkit::Fixtures;
use terra_auth_types::wire::admin::RevocationOutcome;

use super::{connection::open_in_memory, queue::Call, worker::commit};
use crate::engine::Access;

enum Change {
    Deliver(Delivery),
    Spend(TokenId),
    Revoke(Revocation),
}

#[async_trait]
impl Job for Change {
    async fn run(&mut self, tx: &mut dyn Tx) -> bool {
        match self {
            Self::Deliver(delivery) => {
                let Delivery { event_id, dev_id, kind, payload, created_at, .. } = delivery.clone();
                let (user_id, reference_id) = (None, None);
                let event = EventRecord { event_id, dev_id, kind, payload, user_id, reference_id, created_at };
                tx.add_event(&event).await.is_ok() && tx.add_delivery(delivery).await.is_ok()
            }
            Self::Spend(token_id) => tx.consume_token(*token_id, Fixtures::NOW).await.is_ok(),
            Self::Revoke(revocation) => {
                tx.add_revocation(revocation).await.is_ok()
                    && tx
                        .record_revocation_result(
                            revocation,
                            &Fixtures::settlement(RevocationOutcome::Confirmed, Fixtures::NOW),
                        )
                        .await
                        .is_ok()
            }
        }
    }
}

/// A database in memory with one developer, changed by a script.
fn prepared(script: &str) -> Connection {
    let connection = open_in_memory().unwrap();
    let developer =
        "INSERT INTO developer (dev_id, environment, name, redirect_allow_list, signing_secret, created_at_ms)
        VALUES ('acme', 'testing', 'Acme', '[]', x'', 0);
        INSERT INTO destination (destination_id, dev_id, url, enabled, created_at_ms)
        VALUES (x'61636d65000000000000000000000000', 'acme', 'https://acme.example/hook', 1, 0)";
    connection.execute_batch(developer).unwrap();
    connection.execute_batch(script).unwrap();
    connection
}

/// Runs changes in one batch.
fn together(connection: &mut Connection, changes: Vec<Change>) -> Vec<Result<(), StoreError>> {
    let mut calls: Vec<_> = changes.into_iter().map(|change| Call::new(Box::new(change), Access::Write).0).collect();
    commit(connection, &mut calls)
}

fn delivery(rows: &Fixtures, size: usize) -> Change {
    Change::Deliver(Delivery { payload: "x".repeat(size), ..rows.delivery(&rows.developer("acme")) })
}

fn count(connection: &Connection, what: &str) -> i64 {
    connection.query_row(&format!("SELECT COUNT(*) FROM {what}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn on_a_full_disk_a_lost_change_is_never_reported_as_stored() {
    let mut connection = prepared("PRAGMA max_page_count = 200");
    let rows = Fixtures::default();
    let changes = (0..50).map(|n| delivery(&rows, if n % 10 == 3 { 1 << 20 } else { 10 })).collect();
    let outcomes = together(&mut connection, changes);
    let kept: i64 = outcomes.iter().map(|outcome| i64::from(outcome.is_ok())).sum();
    assert_eq!(count(&connection, "delivery"), kept);
    assert!(together(&mut connection, vec![delivery(&rows, 10)])[0].is_ok());
    assert_eq!(count(&connection, "delivery"), kept + 1);
}

/// A rule that is checked at commit only, and broken by each spent token.
const BROKEN_RULE: &str = "
    CREATE TABLE rule (id INTEGER UNIQUE, broken INTEGER REFERENCES rule (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER breaks AFTER INSERT ON consumed_token BEGIN INSERT INTO rule (broken) VALUES (1); END";

#[test]
fn a_commit_that_fails_fails_everybody_who_shares_it() {
    let mut connection = prepared(BROKEN_RULE);
    let rows = Fixtures::default();
    let outcomes =
        together(&mut connection, vec![delivery(&rows, 1), Change::Spend(rows.token_id()), delivery(&rows, 1)]);
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Engine(_)))));
    assert_eq!(count(&connection, "delivery"), 0);
    assert!(together(&mut connection, vec![delivery(&rows, 1)])[0].is_ok());
    assert_eq!(count(&connection, "delivery"), 1);
}

#[test]
fn the_tokens_of_an_ended_revocation_are_erased() {
    let mut connection = prepared("");
    let rows = Fixtures::default();
    let revocation = rows.revocation(&rows.developer("acme"));
    assert!(together(&mut connection, vec![Change::Revoke(revocation)])[0].is_ok());
    assert_eq!(count(&connection, "revocation WHERE state = 'confirmed' AND sealed_grant IS NULL"), 1);
}
