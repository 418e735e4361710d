//! Login methods: up to three ways to find the user who is logged in to the app.

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

/// A method to find the logged-in user. An embedding app may add its own.
#[async_trait]
pub trait Login: Send + Sync + 'static {
    /// Returns the logged-in user; `None` if the request has nothing that this method can check, so
    /// the next method is tried.
    ///
    /// # Errors
    ///
    /// [`LoginError`] is final: no other method is tried.
    async fn caller(&self, request: &RequestCredentials<'_>) -> Result<Option<EndUser>, LoginError>;

    /// Whether a login could succeed now, as far as is known. Readiness probes call it often.
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
    /// All headers of the request.
    pub headers: &'a HeaderMap,
    /// The address of the connection's peer, if known.
    pub peer: Option<IpAddr>,
}

/// The logged-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndUser {
    /// The app's id for the end user.
    pub reference_id: ReferenceId,
    /// Whether a browser sends the credentials by itself, such as a cookie. Such a request may come
    /// from a page of another site.
    pub sent_by_browser: bool,
}

/// The reason why a login failed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The credentials are not valid: 401. The reason helps the app's developer and gives a forger
    /// no new information.
    #[error("not logged in: {0}")]
    Refused(&'static str),
    /// The login service does not respond, or its response is unclear: 503. Users stay logged in.
    #[error("the login cannot be checked now: {problem}")]
    Unavailable {
        /// The failing service and the failure, without any part of its response.
        problem: &'static str,
        /// The cause, for the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
