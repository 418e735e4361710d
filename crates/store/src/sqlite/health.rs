//! The health of the store: whether the next write is likely to succeed.

use std::{
    error::Error,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rusqlite::ErrorCode;
use terra_auth_model::{
    store::{Job, Tx},
    store_error::StoreError,
};

use super::{
    files::{FileError, Files},
    worker::JobResult,
};

/// How old the last successful write may be before a health check writes.
const HEALTHY_TTL: Duration = Duration::from_secs(5);
/// The same after a failed write.
const UNHEALTHY_TTL: Duration = Duration::from_secs(1);
/// How often the files are checked while the store is only read.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A probe: the writer changes one page and commits it.
pub(super) struct Probe;

#[async_trait]
impl Job for Probe {
    async fn run(&mut self, _: &mut dyn Tx) -> bool {
        true
    }
}

/// The state of a store's files and of its last write.
pub(super) struct Health {
    files: Option<Files>,
    last: Mutex<LastResults>,
    is_logged: AtomicBool,
}

struct LastResults {
    write: Result<(), HealthFailure>,
    written_at: Instant,
    looked_at: Instant,
}

/// Why the last write failed, or why the store is not trustworthy.
#[derive(Clone, Debug, thiserror::Error)]
enum HealthFailure {
    #[error("the last write failed: {0}")]
    Write(String),
    #[error("the database file is damaged ({0}); stop the server and restore a backup")]
    Damaged(String),
}

impl Health {
    pub(super) fn new(files: Option<Files>) -> Self {
        let now = Instant::now();
        let last = LastResults { write: Ok(()), written_at: now, looked_at: now };
        Self { files, last: Mutex::new(last), is_logged: AtomicBool::new(false) }
    }

    /// Checks that the files are those that were opened. Logs each change once.
    pub(super) fn look(&self) -> Result<(), FileError> {
        let looked = self.files.as_ref().map_or(Ok(()), Files::check);
        let was_bad = self.is_logged.swap(looked.is_err(), Ordering::Relaxed);
        match &looked {
            Err(error) if !was_bad => tracing::error!("{error}; no write is acknowledged until then"),
            Ok(()) if was_bad => tracing::info!("the store's files are restored"),
            _ => {}
        }
        looked
    }

    /// Records the result of a batch.
    pub(super) fn written(&self, outcomes: &[JobResult]) {
        let failure = outcomes.iter().find_map(|outcome| failure_of(outcome.as_ref().err()?));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.written_at = Instant::now();
        if !matches!(last.write, Err(HealthFailure::Damaged(_))) {
            last.write = failure.map_or(Ok(()), Err);
        }
    }

    /// Records a damaged page, and checks the files if the last check is old.
    pub(super) fn read(&self, outcome: &JobResult) {
        let failure = outcome.as_ref().err().and_then(failure_of);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure @ HealthFailure::Damaged(_)) = failure {
            last.write = Err(failure);
        }
        if last.looked_at.elapsed() >= CHECK_INTERVAL {
            last.looked_at = Instant::now();
            drop(last);
            let _ = self.look(); // the next write returns the error
        }
    }

    /// Whether the last write is too old to be conclusive.
    pub(super) fn is_write_due(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &last.write {
            Ok(()) => last.written_at.elapsed() >= HEALTHY_TTL,
            Err(HealthFailure::Write(_)) => last.written_at.elapsed() >= UNHEALTHY_TTL,
            Err(HealthFailure::Damaged(_)) => false,
        }
    }

    pub(super) fn last_write(&self) -> Result<(), StoreError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.write.clone().map_err(|failure| StoreError::Unavailable(Box::new(failure)))
    }
}

/// Whether the disk or the file failed. An error of a unit, such as a violated constraint, does not count.
fn failure_of(error: &StoreError) -> Option<HealthFailure> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<rusqlite::Error>() {
            return of_database(error);
        }
        next = error.source();
    }
    None
}

fn of_database(error: &rusqlite::Error) -> Option<HealthFailure> {
    let text = || error.to_string();
    match error.sqlite_error_code()? {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(HealthFailure::Damaged(text())),
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed => Some(HealthFailure::Write(text())),
        _ => None,
    }
}
