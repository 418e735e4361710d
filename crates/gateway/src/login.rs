//! Who is logged in to the app: asked in up to three ways.

mod jwks;
mod jwt;
mod nobody;
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
    /// Who is logged in; `None` if the request carries nothing that this way can judge, so that the next may try.
    ///
    /// # Errors
    ///
    /// [`LoginError`] is final: no other way is asked.
    async fn caller(&self, request: &Presented<'_>) -> Result<Option<Identity>, LoginError>;

    /// Whether somebody could be let in now, as far as is known; for a readiness probe, so it is asked often.
    ///
    /// # Errors
    ///
    /// [`LoginError::Unavailable`]
    async fn reachable(&self) -> Result<(), LoginError> {
        Ok(())
    }
}

/// What a request shows of whoever sent it.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// All of its headers.
    pub headers: &'a HeaderMap,
    /// The other end of the connection, if it is known.
    pub peer: Option<IpAddr>,
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The app's own name for the end user.
    pub reference_id: ReferenceId,
    /// Whether a browser proves it by itself with every request, as with a cookie, so that a request may come from another
    /// site's page.
    pub ambient: bool,
}

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// What was shown does not count: 401. The reason helps the app's developer and tells a forger nothing new.
    #[error("not logged in: {0}")]
    Refused(&'static str),
    /// Whoever could tell does not answer, or nothing that makes sense: 503. Nobody is logged out by it.
    #[error("the login cannot be checked now: {problem}")]
    Unavailable {
        /// Who failed and how, without anything of its answer.
        problem: &'static str,
        /// The cause, for the log.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
