//! The user who is logged in to the app: found by up to three methods.

mod anonymous;
mod jwks;
mod jwt;
#[cfg(test)]
mod testing;
mod trusted_header;
mod user_id;
mod who_am_i;

use std::net::IpAddr;

use async_trait::async_trait;
use http::HeaderMap;
use terra_auth_types::ReferenceId;

pub(crate) use jwt::Jwt;
pub(crate) use trusted_header::TrustedHeader;
pub(crate) use who_am_i::WhoAmI;

/// One way to tell who is logged in. An embedding app may bring its own.
#[async_trait]
pub trait Login: Send + Sync + 'static {
    /// The logged-in user; `None` if the request has nothing that this method can check, so that the next may try.
    ///
    /// # Errors
    ///
    /// [`LoginError`] is final: no other way is asked.
    async fn caller(&self, request: &RequestCredentials<'_>) -> Result<Option<EndUser>, LoginError>;

    /// Whether a login could succeed now, as far as is known; for a readiness probe, so it is asked often.
    ///
    /// # Errors
    ///
    /// [`LoginError::Unavailable`]
    async fn reachable(&self) -> Result<(), LoginError> {
        Ok(())
    }
}

/// The parts of a request that identify its sender.
#[derive(Clone, Copy, Debug)]
pub struct RequestCredentials<'a> {
    /// All of its headers.
    pub headers: &'a HeaderMap,
    /// The other end of the connection, if it is known.
    pub peer: Option<IpAddr>,
}

/// The logged-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndUser {
    /// The app's own name for the end user.
    pub reference_id: ReferenceId,
    /// Whether a browser proves it by itself with every request, as with a cookie, so that a request may come from another
    /// site's page.
    pub sent_by_browser: bool,
}

/// The reason why the login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The credentials are not valid: 401. The reason helps the app's developer and tells a forger nothing new.
    #[error("not logged in: {0}")]
    Refused(&'static str),
    /// The login service does not respond, or not clearly: 503. No user is logged out by it.
    #[error("the login cannot be checked now: {problem}")]
    Unavailable {
        /// The failing service and its failure, without any part of its response.
        problem: &'static str,
        /// The cause, for the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
