//! The meaning of a SQLite error for the caller.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode};
use terra_auth_model::store_error::StoreError;

use crate::value::failed;

/// An error of SQLite as the port has it: a full disk may be over in a moment.
pub(super) fn of_sqlite(error: Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => StoreError::Unavailable(Box::new(error)),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => failed(error),
    }
}

/// The error of a commit for one of the jobs that shared it.
pub(super) fn shared(error: &Arc<StoreError>) -> StoreError {
    match **error {
        StoreError::Busy => StoreError::Busy,
        StoreError::Unavailable(_) => StoreError::Unavailable(Box::new(Arc::clone(error))),
        _ => failed(Arc::clone(error)),
    }
}
