//! Forgetting what nobody can ask for any more.

use async_trait::async_trait;
use terra_auth_core::store::{Expired, Housekeeping, StoreError};

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::Parameter as _,
};

/// Removes some rows of a table, in the order of a column; nodes that do it at the same time take different ones.
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
    FORGET_REVOCATIONS: forget!("revocation", "user_id", "created_at_ms", " AND state <> 'waiting'");
}

#[async_trait]
impl<D: Database> Housekeeping for Queries<D> {
    async fn forget_expired(&mut self, expired: &Expired) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for (sql, before_ms) in [
            (FORGET_TOKENS, expired.tokens_before_ms),
            (FORGET_SESSIONS, expired.sessions_before_ms),
            (FORGET_DELIVERIES, expired.ended_before_ms),
            (FORGET_REVOCATIONS, expired.ended_before_ms),
        ] {
            forgotten += self.execute(sql, &[before_ms.value(), expired.limit.value()]).await?;
        }
        Ok(forgotten)
    }
}
