//! Makes a change happen at most once, even if the connection to the database is lost at COMMIT.
//!
//! 1. The unit of work makes its changes and then adds a receipt, under an id that was generated for this call.
//!    Receipt and changes become durable together.
//! 2. If the outcome of COMMIT is unknown, the same unit runs again under the same id and adds the receipt
//!    first. If the database is still committing the first run, the second run waits, because ids are unique.
//! 3. If the receipt exists, the first run was committed, and its return value is the result. Otherwise the first run
//!    changed nothing, and the second run is the only one.
//!
//! If the server crashes between the runs, the change is made or not made, and no caller waits for the result.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::store_error::StoreError;

/// How long a receipt is stored. A call runs again within seconds.
pub const RECEIPT_RETENTION: SignedDuration = SignedDuration::from_hours(1);

/// Identifies one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Generated for this call.
    pub id: Uuid,
    /// When the call began.
    pub created_at: Timestamp,
}

/// The verb for receipts.
#[async_trait]
pub trait Receipts: Send {
    /// Adds a receipt; returns false if it exists already.
    async fn add_receipt(&mut self, receipt: Receipt) -> Result<bool, StoreError>;
}
