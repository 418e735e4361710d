//! The meaning of a PostgreSQL error for the caller.

use deadpool::managed::PoolError;
use terra_auth_model::store_error::StoreError;
use tokio_postgres::{Error, error::SqlState};

use super::servers::ConnectError;
use crate::value::failed;

/// The remedy after a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Run the job again on this connection: it conflicted with another one.
    Again,
    /// Run the job on another connection: this one, or its server, is unusable.
    Elsewhere,
    /// Run the job without prepared statements: there is a transaction pooler.
    Unprepared,
}

/// The remedy after an error, if any.
pub(super) fn remedy(error: &Error) -> Option<Remedy> {
    let code = error.code();
    let is = |codes: &[&SqlState]| code.is_some_and(|code| codes.contains(&code));
    if is(&[&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED]) {
        Some(Remedy::Again)
    } else if is(&[&SqlState::INVALID_SQL_STATEMENT_NAME, &SqlState::DUPLICATE_PSTATEMENT]) {
        Some(Remedy::Unprepared)
    } else {
        is_lost(error).then_some(Remedy::Elsewhere)
    }
}

/// Whether the connection or its server is lost.
pub(super) fn is_lost(error: &Error) -> bool {
    let codes = [
        &SqlState::READ_ONLY_SQL_TRANSACTION,
        &SqlState::ADMIN_SHUTDOWN,
        &SqlState::CRASH_SHUTDOWN,
        &SqlState::CANNOT_CONNECT_NOW,
        &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    match error.code() {
        Some(code) => code.code().starts_with("08") || codes.contains(&code),
        None => error.is_closed() || is_io(error),
    }
}

/// Whether the server or the transaction is read-only.
pub(super) fn is_read_only(error: &Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// Maps an error of a statement to the error of the port.
pub(super) fn of_statement(error: Error) -> StoreError {
    let code = error.code().cloned();
    match code {
        Some(SqlState::READ_ONLY_SQL_TRANSACTION) => StoreError::Unavailable(Box::new(error)),
        Some(code) if code.code().starts_with("53") => StoreError::Unavailable(Box::new(error)), // disk, connections
        Some(SqlState::QUERY_CANCELED) => StoreError::TimedOut,
        Some(SqlState::LOCK_NOT_AVAILABLE | SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED) => {
            StoreError::Busy
        }
        _ if is_lost(&error) => StoreError::Unreachable(Box::new(error)),
        _ => failed(error),
    }
}

/// Maps an error of COMMIT to the error of the port. If the server closed the connection, it may have committed.
pub(super) fn of_commit(error: Error) -> StoreError {
    if is_lost(&error) { StoreError::UnknownOutcome(Box::new(error)) } else { of_statement(error) }
}

/// Maps an error of the pool to the error of the port.
pub(super) fn of_pool(error: PoolError<ConnectError>) -> StoreError {
    match error {
        PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => StoreError::Busy,
        PoolError::Closed => StoreError::Closed,
        PoolError::Backend(error) => of_connect(error),
        other => StoreError::Unreachable(Box::new(other)),
    }
}

/// Maps a connection error to the error of the port.
pub(super) fn of_connect(error: ConnectError) -> StoreError {
    match &error {
        ConnectError::Server(of_server) if of_server.code().is_some_and(|code| code.code().starts_with("53")) => {
            StoreError::Unavailable(Box::new(error))
        }
        _ => StoreError::Unreachable(Box::new(error)),
    }
}
