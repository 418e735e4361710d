//! Whether a failed connection attempt may succeed soon.

use std::{error::Error, io};

use terra_auth_model::store_error::StoreError;
use tokio_postgres::error::SqlState;

use super::servers::ConnectError;

/// Whether a cause of the error is transient: nothing listens, a name does not resolve yet, the server starts or stops, or
/// it has no connection left. A wrong password is permanent, and so is a database that does not exist.
pub(crate) fn is_transient(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if is_one(error) {
            return true;
        }
        next = error.source();
    }
    false
}

fn is_one(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref() {
        Some(ConnectError::Mute(_) | ConnectError::Name(_)) => return true,
        Some(ConnectError::Server(error)) => return is_transient_answer(error),
        None => {}
    }
    error.downcast_ref().is_some_and(is_transient_answer)
        || error.downcast_ref().is_some_and(is_transient_io)
        || matches!(error.downcast_ref(), Some(StoreError::Busy | StoreError::TimedOut))
}

fn is_transient_answer(error: &tokio_postgres::Error) -> bool {
    let waits = [
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    error.is_closed() || error.code().is_some_and(|code| waits.contains(code))
}

fn is_transient_io(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let is_name = error.raw_os_error().is_none() && error.to_string().contains("lookup");
    is_name
        || matches!(
            error.kind(),
            Kind::ConnectionRefused
                | Kind::ConnectionReset
                | Kind::ConnectionAborted
                | Kind::BrokenPipe
                | Kind::UnexpectedEof
                | Kind::TimedOut
                | Kind::NotFound
                | Kind::HostUnreachable
                | Kind::NetworkUnreachable
                | Kind::NetworkDown
        )
}
