//! The meaning of a PostgreSQL error for the caller.

use deadpool::managed::PoolError;
use terra_auth_model::store_error::StoreError;
use tokio_postgres::{Error, error::SqlState};

use super::servers::ConnectError;
use crate::value::failed;

/// The remedy after a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The same job again on this connection: it lost against another one.
    Again,
    /// The same job on another connection: this one, or its server, is no longer good.
    Elsewhere,
    /// The same job without prepared statements: there is a pooler in between.
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

/// Whether the connection is gone, or leads to a server that is.
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

/// Whether the server, or the transaction, takes no writes.
pub(super) fn is_read_only(error: &Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

fn is_io(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// An error of a statement as the port has it.
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

/// An error of COMMIT as the port has it. A server that ends the connection meanwhile may have committed all the same.
pub(super) fn of_commit(error: Error) -> StoreError {
    if is_lost(&error) { StoreError::UnknownOutcome(Box::new(error)) } else { of_statement(error) }
}

/// An error of the pool as the port has it.
pub(super) fn of_pool(error: PoolError<ConnectError>) -> StoreError {
    match error {
        PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => StoreError::Busy,
        PoolError::Closed => StoreError::Closed,
        PoolError::Backend(error) => of_connect(error),
        other => StoreError::Unreachable(Box::new(other)),
    }
}

/// An error of connecting as the port has it.
pub(super) fn of_connect(error: ConnectError) -> StoreError {
    match &error {
        ConnectError::Server(of_server) if of_server.code().is_some_and(|code| code.code().starts_with("53")) => {
            StoreError::Unavailable(Box::new(error))
        }
        _ => StoreError::Unreachable(Box::new(error)),
    }
}
