//! Forgetting what nobody can ask for any more.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_core::store::{Expired, Forgotten, Housekeeping, StoreError};
use terra_auth_types::EventId;
use uuid::Builder;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::Parameter as _,
};

/// Removes some rows of a table, in the order of a column that grows with time; nodes that do it at the same time take different ones.
macro_rules! forget {
    ($table:literal, $id:literal, $instant:literal, $condition:literal) => {
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
            concat!(") DELETE FROM ", $table, " WHERE ", $id, " IN (SELECT ", $id, " FROM gone)"),
        )
    };
}

statements! {
    FORGET_TOKENS: forget!("spent_token", "token_id", "expires_at_ms", "");
    FORGET_SESSIONS: forget!("widget_session", "session_id", "expires_at_ms", "");
    FORGET_DELIVERIES: forget!("delivery", "delivery_id", "created_at_ms", " AND state <> 'waiting'");
    FORGET_REVOCATIONS: forget!("revocation", "user_id", "ended_at_ms", " AND state <> 'pending'");
    FORGET_EVENTS: forget!("received_event", "event_id", "event_id", " AND state <> 'waiting'");
    FORGET_ENDED: forget!("known_connection", "user_id", "changed_at_ms", " AND state = 'deauthenticated'");
    FORGET_FAILURES: forget!("login_failure", "reference_id", "at_ms", "");
}

#[async_trait]
impl<D: Database> Housekeeping for Queries<D> {
    async fn forget_expired(&mut self, expired: &Expired) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for (sql, before_ms) in [
            (FORGET_TOKENS, expired.tokens_before_ms),
            (FORGET_SESSIONS, expired.sessions_before_ms),
            (FORGET_DELIVERIES, expired.delivered_before_ms),
            (FORGET_REVOCATIONS, expired.revoked_before_ms),
        ] {
            forgotten += self.execute(sql, &[before_ms.value(), expired.limit.value()]).await?;
        }
        Ok(forgotten)
    }

    async fn forget_received(&mut self, forgotten: &Forgotten) -> Result<u64, StoreError> {
        let last_event = last_event_at(forgotten.events_before);
        let mut gone = 0;
        for (sql, last) in [
            (FORGET_EVENTS, last_event.value()),
            (FORGET_ENDED, forgotten.ended_before.value()),
            (FORGET_FAILURES, forgotten.ended_before.value()),
        ] {
            gone += self.execute(sql, &[last, forgotten.limit.value()]).await?;
        }
        Ok(gone)
    }
}

/// The greatest id of an event that came at an instant.
fn last_event_at(instant: Timestamp) -> EventId {
    let ms = u64::try_from(instant.as_millisecond()).unwrap_or_default();
    EventId(Builder::from_unix_timestamp_millis(ms, &[0xff; 10]).into_uuid())
}
