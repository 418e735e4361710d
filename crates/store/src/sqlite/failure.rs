//! The meaning of a SQLite error for the caller.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode};
use terra_auth_model::store_error::StoreError;

use crate::value::failed;

/// Maps an error of SQLite to the error of the port. A full disk is transient.
pub(super) fn of_sqlite(error: Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => StoreError::Unavailable(Box::new(error)),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => failed(error),
    }
}

/// Copies the error of a commit for each job of the batch.
pub(super) fn shared(error: &Arc<StoreError>) -> StoreError {
    match **error {
        StoreError::Busy => StoreError::Busy,
        StoreError::Unavailable(_) => StoreError::Unavailable(Box::new(Arc::clone(error))),
        _ => failed(Arc::clone(error)),
    }
}
