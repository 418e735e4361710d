//! Deletes expired rows.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    housekeeping::{Housekeeping, ReceivedRetention, Retention},
    store_error::StoreError,
};
use terra_auth_types::EventId;
use uuid::Builder;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::Parameter as _,
};

/// Deletes some rows of a table, in the order of a column that grows with time. Concurrent nodes delete different rows.
macro_rules! delete_expired {
    ($table:literal, $id:literal, $instant:literal, $condition:literal) => {
        delete_expired!($table, $id, $instant, $condition, "")
    };
    ($table:literal, $id:literal, $instant:literal, $condition:literal, $returning:literal) => {
        Sql::locking(
            concat!(
                "WITH gone AS MATERIALIZED (SELECT ",
                $id,
                " FROM ",
                $table,
                " WHERE ",
                $instant,
                " <= $1",
                $condition,
                " ORDER BY ",
                $instant,
                " LIMIT $2",
            ),
            Lock::ForUpdateSkipLocked,
            concat!(") DELETE FROM ", $table, " WHERE ", $id, " IN (SELECT ", $id, " FROM gone)", $returning),
        )
    };
}

statements! {
    DELETE_TOKENS: delete_expired!("consumed_token", "token_id", "expires_at_ms", "", " RETURNING expires_at_ms");
    DELETE_CONSUMED_LOGINS: delete_expired!("consumed_login", "login_id", "expires_at_ms", "", " RETURNING expires_at_ms");
    RAISE_WATERMARK: Sql::plain(
        "UPDATE consumed_watermark SET expires_at_ms = $1 WHERE kind = $2 AND expires_at_ms < $1",
    );
    DELETE_SESSIONS: delete_expired!("widget_session", "session_id", "expires_at_ms", "");
    DELETE_RECEIPTS: delete_expired!("receipt", "receipt_id", "created_at_ms", "");
    DELETE_EVENTS: delete_expired!(
        "event", "event_id", "created_at_ms",
        " AND NOT EXISTS (SELECT 1 FROM delivery WHERE delivery.event_id = event.event_id AND delivery.state = 'waiting')"
    );
    DELETE_REVOCATIONS: delete_expired!("revocation", "user_id", "ended_at_ms", " AND state <> 'pending'");
    DELETE_RECEIVED_EVENTS: delete_expired!("received_event", "event_id", "event_id", " AND state <> 'waiting'");
    DELETE_ENDED: delete_expired!("known_connection", "user_id", "changed_at_ms", " AND state = 'deauthenticated'");
    DELETE_FAILURES: delete_expired!("login_failure", "reference_id", "at_ms", "");
}

#[async_trait]
impl<D: Database> Housekeeping for Queries<D> {
    async fn delete_expired(&mut self, expired: &Retention) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for (sql, kind) in [(DELETE_TOKENS, "token"), (DELETE_CONSUMED_LOGINS, "login")] {
            let gone: Vec<u64> = self.all(sql, &[expired.spent_before_ms.value(), expired.limit.value()]).await?;
            if let Some(latest) = gone.iter().max() {
                self.execute(RAISE_WATERMARK, &[latest.value(), kind.value()]).await?;
            }
            forgotten += gone.len() as u64;
        }
        for (sql, before_ms) in [
            (DELETE_SESSIONS, expired.sessions_before_ms),
            (DELETE_RECEIPTS, expired.receipts_before_ms),
            (DELETE_EVENTS, expired.delivered_before_ms),
            (DELETE_REVOCATIONS, expired.revoked_before_ms),
        ] {
            forgotten += self.execute(sql, &[before_ms.value(), expired.limit.value()]).await?;
        }
        Ok(forgotten)
    }

    async fn delete_received(&mut self, forgotten: &ReceivedRetention) -> Result<u64, StoreError> {
        let last_event = last_event_at(forgotten.events_before);
        let mut gone = 0;
        for (sql, last) in [
            (DELETE_RECEIVED_EVENTS, last_event.value()),
            (DELETE_ENDED, forgotten.ended_before.value()),
            (DELETE_FAILURES, forgotten.ended_before.value()),
        ] {
            gone += self.execute(sql, &[last, forgotten.limit.value()]).await?;
        }
        Ok(gone)
    }
}

/// The greatest id of an event that was received at an instant.
fn last_event_at(instant: Timestamp) -> EventId {
    let ms = u64::try_from(instant.as_millisecond()).unwrap_or_default();
    EventId(Builder::from_unix_timestamp_millis(ms, &[0xff; 10]).into_uuid())
}
