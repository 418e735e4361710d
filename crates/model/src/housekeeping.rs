//! Deletes rows that are no longer needed.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::store_error::StoreError;

/// The verbs for housekeeping, which bounds the size of the database.
#[async_trait]
pub trait Housekeeping: Send {
    /// Deletes at most `limit` rows of each kind that are past their retention: spent mobile tokens and logins,
    /// sessions, events whose deliveries are finished, revocations, receipts. Returns the number of deleted rows. Afterwards,
    /// a token or login is rejected if it expires no later than a deleted one.
    async fn delete_expired(&mut self, expired: &Retention) -> Result<u64, StoreError>;

    /// Deletes at most `limit` rows of each kind that are past their retention: received events that are not
    /// waiting to be forwarded, deauthenticated connections, failed logins. Returns the number of deleted rows.
    async fn delete_received(&mut self, forgotten: &ReceivedRetention) -> Result<u64, StoreError>;
}

/// The rows that [`Housekeeping::delete_received`] may delete.
#[derive(Clone, Copy, Debug)]
pub struct ReceivedRetention {
    /// Events that were received at or before this instant.
    pub events_before: Timestamp,
    /// Connections that ended, and logins that failed, at or before this instant.
    pub ended_before: Timestamp,
    /// The maximum number of rows of each kind.
    pub limit: u32,
}

/// The rows that [`Housekeeping::delete_expired`] may delete. Instants are Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Spent mobile tokens and logins that expired at or before this instant.
    pub spent_before_ms: i64,
    /// Widget sessions that expired at or before this instant.
    pub sessions_before_ms: i64,
    /// Events that were created at or before this instant and whose deliveries are finished.
    pub delivered_before_ms: i64,
    /// Receipts of calls that began at or before this instant.
    pub receipts_before_ms: i64,
    /// Revocations that ended at or before this instant.
    pub revoked_before_ms: i64,
    /// The maximum number of rows of each kind.
    pub limit: u32,
}
