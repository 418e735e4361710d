//! The port to whatever remembers: units of work, and the verbs they are written in.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    admin::AdminTokens,
    api_key::ApiKeys,
    audit::Audits,
    connection::Connections,
    delivery::Deliveries,
    developer::Developers,
    flow::SpentFlows,
    grant::Grants,
    inbox::ReceivedEvents,
    known_connection::KnownConnections,
    lock::Locks,
    mobile_token::MobileTokens,
    provider_app::ProviderApps,
    receipt::{Receipt, Receipts},
    revocation::Revocations,
    row_mark::{RowMarker, RowMarks},
    seal::DataKeys,
    vault::SealedValues,
    widget_session::WidgetSessions,
};

/// How often a unit that must not happen twice is tried while its outcome is unknown.
const MAX_RUNS: u32 = 3;

/// The database failed. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More callers wait than the store takes, or others hold what is needed; try again later.
    #[error("the store is busy")]
    Busy,
    /// No server can be reached, or the connection was lost before anything was committed; try again later.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database did not answer in time, and what it did is rolled back; try again later.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The database refuses for now: its disk is full, it is read-only, it has too many connections.
    #[error("the database does not accept this now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection was lost at COMMIT: the changes are there, or they are not. Look before you repeat them.
    #[error("the connection to the database was lost at COMMIT, and it is unknown whether the change was made")]
    UnknownOutcome(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store was closed, or its thread has ended.
    #[error("the store is closed")]
    Closed,
    /// The engine's own error, or a row that cannot be read.
    #[error("the database failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Whether nothing was changed and the same call may work in a moment.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Busy | Self::Unreachable(_) | Self::TimedOut | Self::Unavailable(_) => true,
            Self::UnknownOutcome(_) | Self::Closed | Self::Engine(_) => false,
        }
    }
}

/// All verbs, inside one unit of work.
pub trait Tx:
    Developers
    + ApiKeys
    + AdminTokens
    + Audits
    + Connections
    + Grants
    + WidgetSessions
    + MobileTokens
    + SpentFlows
    + Deliveries
    + Revocations
    + ReceivedEvents
    + KnownConnections
    + ProviderApps
    + DataKeys
    + SealedValues
    + Housekeeping
    + Locks
    + Receipts
    + RowMarks
    + Send
{
}

impl<T> Tx for T where
    T: Developers
        + ApiKeys
        + AdminTokens
        + Audits
        + Connections
        + Grants
        + WidgetSessions
        + MobileTokens
        + SpentFlows
        + Deliveries
        + Revocations
        + ReceivedEvents
        + KnownConnections
        + ProviderApps
        + DataKeys
        + SealedValues
        + Housekeeping
        + Locks
        + Receipts
        + RowMarks
        + Send
{
}

/// Keeps what is remembered from growing without end.
#[async_trait]
pub trait Housekeeping: Send {
    /// Removes at most `limit` rows of each kind that nobody can ask for any more: spent mobile tokens and logins past their
    /// expiry, sessions, deliveries and revocations that are over. Returns how many rows went. Afterwards no token or login
    /// is accepted that expires at or before one that was removed.
    async fn forget_expired(&mut self, expired: &Expired) -> Result<u64, StoreError>;

    /// Removes at most `limit` rows of each kind that nobody asks for any more: received events that are not to be
    /// forwarded, connections that were deauthenticated, failed logins. Returns how many rows went.
    async fn forget_received(&mut self, forgotten: &Forgotten) -> Result<u64, StoreError>;
}

/// What [`Housekeeping::forget_received`] may remove.
#[derive(Clone, Copy, Debug)]
pub struct Forgotten {
    /// Events that came at or before this instant.
    pub events_before: Timestamp,
    /// Connections that ended, and logins that failed, at or before this instant.
    pub ended_before: Timestamp,
    /// Rows of each kind, at most.
    pub limit: u32,
}

/// What [`Housekeeping::forget_expired`] may remove. Instants are Unix milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Expired {
    /// Spent mobile tokens and logins that expired at or before this instant.
    pub spent_before_ms: i64,
    /// Widget sessions that expired at or before this instant.
    pub sessions_before_ms: i64,
    /// Deliveries that were created at or before this instant and are no longer waiting.
    pub delivered_before_ms: i64,
    /// Receipts of calls that came at or before this instant.
    pub receipts_before_ms: i64,
    /// Revocations that ended at or before this instant.
    pub revoked_before_ms: i64,
    /// Rows of each kind, at most.
    pub limit: u32,
}

/// Everything that one operation changes, or nothing of it.
///
/// A unit awaits nothing but the store. It may run again when the database asks for it, so it changes nothing else.
#[async_trait]
pub trait Unit: Send + Sync + 'static {
    /// What the unit gives back when its changes are durable.
    type Done: Send + 'static;
    /// Why nothing was changed.
    type Refusal: From<StoreError> + Send + 'static;

    /// Does the work. An error, whatever its kind, rolls everything back.
    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, Self::Refusal>;
}

/// A unit of work with its outcome put aside, so that engines need not know its types.
#[async_trait]
pub trait Job: Send {
    /// Runs the unit; answers whether its changes are to be kept. A later run replaces the outcome of an earlier one.
    async fn run(&mut self, tx: &mut dyn Tx) -> bool;
}

/// A database that runs jobs.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Runs a job and returns once its changes are durable, or rolled back because it asked for that.
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError>;

    /// Runs a job that only reads.
    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError>;

    /// Whether no other process can have the database open: whatever is leased in it when it is opened belongs to a
    /// process that has ended.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Whether the next write is likely to succeed. May write something itself if nothing was written lately.
    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The one handle through which operations reach a database.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    marker: Option<RowMarker>,
}

impl Store {
    /// Wraps an engine.
    pub fn new(engine: impl Engine) -> Self {
        Self { engine: Arc::new(engine), marker: None }
    }

    /// The same database, where rows that grant something are believed only with the right mark.
    #[must_use]
    pub fn with_marker(self, marker: RowMarker) -> Self {
        Self { marker: Some(marker), ..self }
    }

    /// What marks the rows; `None` before the keys of the store are known.
    pub(crate) const fn marker(&self) -> Option<&RowMarker> {
        self.marker.as_ref()
    }

    fn outcome<U: Unit>(&self) -> Outcome<U> {
        Outcome { slot: Arc::default(), marker: self.marker.clone() }
    }

    /// Runs a unit of work; its changes are durable once this returns.
    ///
    /// # Errors
    ///
    /// The unit's own refusal, or a failed database as one; either way nothing was changed.
    pub async fn run<U: Unit>(&self, unit: U) -> Result<U::Done, U::Refusal> {
        let outcome = self.outcome();
        self.engine.write(outcome.job(unit)).await?;
        outcome.take()
    }

    /// Runs a unit of work that must not happen twice. Where the outcome at COMMIT is unknown, it asks the database for the
    /// [`Receipt`] and runs the unit again if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Store::run`]. [`StoreError::UnknownOutcome`] remains if the database cannot be asked.
    pub async fn run_once<U: Unit>(&self, receipt: Receipt, unit: U) -> Result<U::Done, U::Refusal> {
        let outcome = self.outcome();
        let unit = Arc::new(unit);
        let mut written = self.engine.write(outcome.job_once(receipt, &unit, false)).await;
        for _ in 1..MAX_RUNS {
            let Err(StoreError::UnknownOutcome(_)) = &written else { break };
            let again = self.engine.write(outcome.job_once(receipt, &unit, true)).await;
            if again.is_ok() {
                written = again;
            }
        }
        written?;
        outcome.take()
    }

    /// As [`Engine::is_exclusive`].
    #[must_use]
    pub fn is_exclusive(&self) -> bool {
        self.engine.is_exclusive()
    }

    /// Whether the next write is likely to succeed: the files are there, and the last write did not fail.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.engine.health().await
    }

    /// Runs a unit of work that only reads.
    ///
    /// # Errors
    ///
    /// As for [`Store::run`].
    pub async fn read<U: Unit>(&self, unit: U) -> Result<U::Done, U::Refusal> {
        let outcome = self.outcome();
        self.engine.read(outcome.job(unit)).await?;
        outcome.take()
    }
}

/// Where a job leaves what its unit returned.
struct Outcome<U: Unit> {
    slot: Slot<U>,
    marker: Option<RowMarker>,
}

type Slot<U> = Arc<Mutex<Option<Result<<U as Unit>::Done, <U as Unit>::Refusal>>>>;

struct Errand<U: Unit> {
    unit: Arc<U>,
    /// None for a unit that may happen again.
    receipt: Option<Receipt>,
    /// Whether an earlier run may have been committed.
    is_unknown: bool,
    slot: Slot<U>,
    marker: Option<RowMarker>,
}

impl<U: Unit> Outcome<U> {
    fn job(&self, unit: U) -> Box<dyn Job> {
        self.errand(Arc::new(unit), None, false)
    }

    fn job_once(&self, receipt: Receipt, unit: &Arc<U>, is_unknown: bool) -> Box<dyn Job> {
        self.errand(Arc::clone(unit), Some(receipt), is_unknown)
    }

    fn errand(&self, unit: Arc<U>, receipt: Option<Receipt>, is_unknown: bool) -> Box<dyn Job> {
        Box::new(Errand { unit, receipt, is_unknown, slot: Arc::clone(&self.slot), marker: self.marker.clone() })
    }

    fn take(self) -> Result<U::Done, U::Refusal> {
        let outcome = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }
}

#[async_trait]
impl<U: Unit> Job for Errand<U> {
    async fn run(&mut self, tx: &mut dyn Tx) -> bool {
        if let Some(marker) = &self.marker {
            tx.use_marker(marker.clone());
        }
        let outcome = match self.receipt {
            None => self.unit.run(tx).await,
            Some(receipt) if self.is_unknown => match tx.add_receipt(receipt).await {
                Ok(true) => self.unit.run(tx).await,
                // The slot has what the committed run returned.
                Ok(false) => return false,
                Err(error) => Err(StoreError::UnknownOutcome(Box::new(error)).into()),
            },
            // A unit that changes nothing writes no receipt either.
            Some(receipt) => match self.unit.run(tx).await {
                Ok(done) => tx.add_receipt(receipt).await.map(|_| done).map_err(Into::into),
                refused => refused,
            },
        };
        let keep = outcome.is_ok();
        *self.slot() = Some(outcome);
        keep
    }
}

impl<U: Unit> Errand<U> {
    fn slot(&self) -> MutexGuard<'_, Option<Result<U::Done, U::Refusal>>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
