//! Whether the next write is likely to succeed.

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

/// How old the last good write may be before the next question about the store's health writes something.
const HEALTHY_TTL: Duration = Duration::from_secs(5);
/// The same after a write that failed.
const UNHEALTHY_TTL: Duration = Duration::from_secs(1);
/// How often the files are looked at while the store is only read.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A write for its own sake: the writer changes one page and commits it.
pub(super) struct Probe;

#[async_trait]
impl Job for Probe {
    async fn run(&mut self, _: &mut dyn Tx) -> bool {
        true
    }
}

/// The known state of a store's files and its last write.
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

/// Why the last write failed, or what shows that the store cannot be trusted.
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

    /// Whether the files are still those that were opened. Logs each change once.
    pub(super) fn look(&self) -> Result<(), FileError> {
        let looked = self.files.as_ref().map_or(Ok(()), Files::check);
        let was_bad = self.is_logged.swap(looked.is_err(), Ordering::Relaxed);
        match &looked {
            Err(error) if !was_bad => tracing::error!("{error}; no write is acknowledged until then"),
            Ok(()) if was_bad => tracing::info!("the store's files are back"),
            _ => {}
        }
        looked
    }

    /// Remembers how a batch went.
    pub(super) fn written(&self, outcomes: &[JobResult]) {
        let failure = outcomes.iter().find_map(|outcome| failure_of(outcome.as_ref().err()?));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.written_at = Instant::now();
        if !matches!(last.write, Err(HealthFailure::Damaged(_))) {
            last.write = failure.map_or(Ok(()), Err);
        }
    }

    /// Remembers that a read met a broken page, and looks at the files if that was long ago.
    pub(super) fn read(&self, outcome: &JobResult) {
        let failure = outcome.as_ref().err().and_then(failure_of);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure @ HealthFailure::Damaged(_)) = failure {
            last.write = Err(failure);
        }
        if last.looked_at.elapsed() >= CHECK_INTERVAL {
            last.looked_at = Instant::now();
            drop(last);
            let _ = self.look(); // the next write reports it
        }
    }

    /// Whether the last write says nothing any more.
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

/// A failure of the disk or of the file. A unit's own fault, such as a violated constraint, is none.
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
