//! A change that may happen once, though the connection to the database was lost at COMMIT.
//!
//! 1. A unit of work adds a receipt after its changes, under an id that was drawn for this one call. Receipt and change are durable
//!    together.
//! 2. If the outcome at COMMIT is unknown, the same unit runs again under the same id, and adds the receipt first. A database that
//!    still commits the first run makes the second wait, because ids are unique.
//! 3. If the receipt is there, the first run was committed, and what it returned is the answer. Otherwise the first run
//!    changed nothing, and the second is the only one.
//!
//! A crash of the server between the runs leaves the change made or not made, and no caller who waits.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::store::StoreError;

/// How long a receipt can be asked for. A call runs again within seconds.
pub(crate) const RECEIPT_RETENTION: SignedDuration = SignedDuration::from_hours(1);

/// Names one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Drawn for this call.
    pub id: Uuid,
    /// When the call came.
    pub created_at: Timestamp,
}

/// The verb for receipts.
#[async_trait]
pub trait Receipts: Send {
    /// Adds a receipt; answers whether it was not there yet.
    async fn add_receipt(&mut self, receipt: Receipt) -> Result<bool, StoreError>;
}
