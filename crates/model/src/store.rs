//! The port to the database: units of work, and the verbs that they call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    admin_token::AdminTokens,
    api_key::ApiKeys,
    audit::Audits,
    connection::Connections,
    delivery::Deliveries,
    destination::Destinations,
    developer::Developers,
    event::Events,
    grant::Grants,
    housekeeping::Housekeeping,
    keys::DataKeys,
    known_connection::KnownConnections,
    lock::Locks,
    login::ConsumedLogins,
    mobile_token::MobileTokens,
    provider_app::ProviderApps,
    receipt::{Receipt, Receipts},
    received_event::ReceivedEvents,
    revocation::Revocations,
    row_mac::{RowAuthenticator, RowMacs},
    store_error::StoreError,
    vault::SealedValues,
    widget_session::WidgetSessions,
};

#[doc(hidden)]
pub use async_trait::async_trait;

/// How often a unit that must happen at most once is run while its outcome is unknown.
const MAX_COMMIT_ATTEMPTS: u32 = 3;

/// All verbs, within one unit of work.
pub trait Tx:
    Developers
    + ApiKeys
    + AdminTokens
    + Audits
    + Connections
    + Grants
    + WidgetSessions
    + MobileTokens
    + ConsumedLogins
    + Events
    + Destinations
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
    + RowMacs
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
        + ConsumedLogins
        + Events
        + Destinations
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
        + RowMacs
        + Send
{
}

/// All changes of one operation; either all of them are made or none.
///
/// A unit awaits nothing but the store. The database may require a second run, so a unit has no other side effects.
#[async_trait]
pub trait Unit: Send + Sync + 'static {
    /// The result, returned once the changes are durable.
    type Done: Send + 'static;
    /// The reason why nothing was changed.
    type Error: From<StoreError> + Send + 'static;

    /// Makes the changes. Every error rolls them back.
    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, Self::Error>;
}

/// Defines a unit of work that calls one verb. The fields of the unit are in scope by reference:
/// `unit!(ReadSession(session_id: SessionId) -> Option<WidgetSession> = |tx| tx.widget_session(*session_id));`
#[macro_export]
macro_rules! unit {
    ($(#[$attribute:meta])* $visibility:vis $name:ident($($field:ident: $type:ty),* $(,)?) -> $done:ty = |$tx:ident| $call:expr) => {
        $(#[$attribute])*
        $visibility struct $name {
            $(pub(crate) $field: $type),*
        }

        #[$crate::store::async_trait]
        impl $crate::store::Unit for $name {
            type Done = $done;
            type Error = $crate::store_error::StoreError;

            async fn run(&self, $tx: &mut dyn $crate::store::Tx) -> Result<$done, $crate::store_error::StoreError> {
                let Self { $($field),* } = self;
                $call.await
            }
        }
    };
}

/// A unit of work that stores its result itself, so that engines do not depend on its types.
#[async_trait]
pub trait Job: Send {
    /// Runs the unit; returns whether to commit its changes. A later run replaces the result of an earlier one.
    async fn run(&mut self, tx: &mut dyn Tx) -> bool;
}

/// A database that runs jobs.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Runs a job. Returns once its changes are durable, or rolled back at the job's request.
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError>;

    /// Runs a job that only reads.
    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError>;

    /// Whether no other process can have the database open. Leases that are found at opening then belong to a
    /// process that has ended.
    fn is_exclusive(&self) -> bool {
        false
    }

    /// Checks whether the next write is likely to succeed. May write something itself if there was no recent write.
    async fn health(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The handle through which operations use a database.
#[derive(Clone)]
pub struct Store {
    engine: Arc<dyn Engine>,
    marker: Option<RowAuthenticator>,
}

impl Store {
    /// Creates a store from an engine.
    pub fn new(engine: impl Engine) -> Self {
        Self { engine: Arc::new(engine), marker: None }
    }

    /// Returns the same store, which from now on loads rows that grant access only with a valid MAC.
    #[must_use]
    pub fn with_row_authenticator(self, marker: RowAuthenticator) -> Self {
        Self { marker: Some(marker), ..self }
    }

    /// The marker that computes and verifies row MACs; `None` until the keys of the store are known.
    #[must_use]
    pub const fn row_authenticator(&self) -> Option<&RowAuthenticator> {
        self.marker.as_ref()
    }

    fn outcome<U: Unit>(&self) -> UnitResult<U> {
        UnitResult { slot: Arc::default(), marker: self.marker.clone() }
    }

    /// Runs a unit of work; its changes are durable once this returns.
    ///
    /// # Errors
    ///
    /// The unit's own error, or an error of the database converted to it. In both cases nothing was changed.
    pub async fn run<U: Unit>(&self, unit: U) -> Result<U::Done, U::Error> {
        let outcome = self.outcome();
        self.engine.write(outcome.job(unit)).await?;
        outcome.take()
    }

    /// Runs a unit of work that must happen at most once. If the outcome of COMMIT is unknown, it looks for the
    /// [`Receipt`] in the database, and runs the unit again if there is none.
    ///
    /// # Errors
    ///
    /// As for [`Store::run`]. [`StoreError::UnknownOutcome`] is returned if the database cannot be asked either.
    pub async fn run_once<U: Unit>(&self, receipt: Receipt, unit: U) -> Result<U::Done, U::Error> {
        let outcome = self.outcome();
        let unit = Arc::new(unit);
        let mut written = self.engine.write(outcome.job_once(receipt, &unit, false)).await;
        for _ in 1..MAX_COMMIT_ATTEMPTS {
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

    /// Checks whether the next write is likely to succeed: the files exist, and the last write did not fail.
    ///
    /// # Errors
    ///
    /// The reason why a write would fail.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.engine.health().await
    }

    /// Runs a unit of work that only reads.
    ///
    /// # Errors
    ///
    /// As for [`Store::run`].
    pub async fn read<U: Unit>(&self, unit: U) -> Result<U::Done, U::Error> {
        let outcome = self.outcome();
        self.engine.read(outcome.job(unit)).await?;
        outcome.take()
    }
}

/// Where a job stores the result of its unit.
struct UnitResult<U: Unit> {
    slot: ResultSlot<U>,
    marker: Option<RowAuthenticator>,
}

type ResultSlot<U> = Arc<Mutex<Option<Result<<U as Unit>::Done, <U as Unit>::Error>>>>;

struct UnitJob<U: Unit> {
    unit: Arc<U>,
    /// `None` for a unit that may happen again.
    receipt: Option<Receipt>,
    /// Whether an earlier run may have been committed.
    is_unknown: bool,
    slot: ResultSlot<U>,
    marker: Option<RowAuthenticator>,
}

impl<U: Unit> UnitResult<U> {
    fn job(&self, unit: U) -> Box<dyn Job> {
        self.unit_job(Arc::new(unit), None, false)
    }

    fn job_once(&self, receipt: Receipt, unit: &Arc<U>, is_unknown: bool) -> Box<dyn Job> {
        self.unit_job(Arc::clone(unit), Some(receipt), is_unknown)
    }

    fn unit_job(&self, unit: Arc<U>, receipt: Option<Receipt>, is_unknown: bool) -> Box<dyn Job> {
        Box::new(UnitJob { unit, receipt, is_unknown, slot: Arc::clone(&self.slot), marker: self.marker.clone() })
    }

    fn take(self) -> Result<U::Done, U::Error> {
        let outcome = self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        outcome.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }
}

#[async_trait]
impl<U: Unit> Job for UnitJob<U> {
    async fn run(&mut self, tx: &mut dyn Tx) -> bool {
        if let Some(marker) = &self.marker {
            tx.use_row_authenticator(marker.clone());
        }
        let outcome = match self.receipt {
            None => self.unit.run(tx).await,
            Some(receipt) if self.is_unknown => match tx.add_receipt(receipt).await {
                Ok(true) => self.unit.run(tx).await,
                // The slot contains the result of the committed run.
                Ok(false) => return false,
                Err(error) => Err(StoreError::UnknownOutcome(Box::new(error)).into()),
            },
            // A unit that changes nothing writes no receipt.
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

impl<U: Unit> UnitJob<U> {
    fn slot(&self) -> MutexGuard<'_, Option<Result<U::Done, U::Error>>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
