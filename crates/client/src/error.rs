pub use api_problem::ApiProblem;

use crate::{CredentialsError, InvalidRedirect};

pub(crate) mod api_problem;

/// The error of a call. Each variant requires a different reaction of the caller.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: use other keys.
    #[error(
        "the keys were not accepted: {0}; check that TERRA_DEV_ID and TERRA_API_KEY are both from the same environment"
    )]
    NotAuthenticated(Box<ApiProblem>),
    /// 403: the keys do not allow this. Some servers also respond so to wrong keys; [`ApiProblem::code`] may name the
    /// reason.
    #[error("not allowed: {}; {}", .0, .0.after_forbidden())]
    Forbidden(Box<ApiProblem>),
    /// 404 or 405: the resource does not exist, or not in this environment.
    #[error("not found: {0}; check the id, the environment it was created in, and TERRA_API_URL")]
    NotFound(Box<ApiProblem>),
    /// 410: the server no longer supports this call.
    #[error("gone: {refusal}; {}", successor(replacement.as_deref()))]
    Gone {
        /// The call to use instead, if the server names it.
        replacement: Option<String>,
        /// The server's error response.
        refusal: Box<ApiProblem>,
    },
    /// 429: wait for [`ApiProblem::retry_after`], then retry.
    #[error("too many requests: {0}; send fewer requests")]
    RateLimited(Box<ApiProblem>),
    /// The environment has reached its user limit.
    #[error("the environment has reached its user limit: {0}; deauthenticate users, or use production")]
    UserLimit(Box<ApiProblem>),
    /// The server rejects the request: fix it before you retry.
    #[error("the request was rejected: {0}")]
    InvalidInput(Box<ApiProblem>),
    /// The request has a link that an end user must not be redirected to. Nothing was sent.
    #[error(transparent)]
    InvalidRedirect(#[from] InvalidRedirect),
    /// 5xx: the server failed. It may or may not have processed the call.
    #[error("the server failed: {}; {}", .0, .0.after_failure())]
    Server(Box<ApiProblem>),
    /// There was no complete response. The server may or may not have processed the call.
    #[error("{problem} {host}; {next}")]
    Network {
        /// The problem, as a text that the host's name completes.
        problem: &'static str,
        /// The host and port of the server.
        host: String,
        /// The next step.
        next: &'static str,
        /// The cause, without the URL, which may contain personal data. `None` if nothing listens at the port
        /// on this machine, which needs no further cause.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The response is not one of this API.
    #[error(
        "unreadable response from {host}: {problem}{}; check TERRA_API_URL",
        api_problem::trace(trace_id.as_deref())
    )]
    UnreadableResponse {
        /// The host and port of the server.
        host: String,
        /// The problem of the response.
        problem: String,
        /// The trace id of the call in the server's log.
        trace_id: Option<String>,
    },
    /// The keys could not be loaded.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Error {
    /// Returns the server's error response, if there was one.
    #[must_use]
    pub fn api_problem(&self) -> Option<&ApiProblem> {
        match self {
            Self::NotAuthenticated(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::Gone { refusal, .. }
            | Self::RateLimited(refusal)
            | Self::UserLimit(refusal)
            | Self::InvalidInput(refusal)
            | Self::Server(refusal) => Some(refusal),
            Self::InvalidRedirect(_)
            | Self::Network { .. }
            | Self::UnreadableResponse { .. }
            | Self::Credentials(_) => None,
        }
    }

    /// Returns the trace id of the call in the server's log. Report it to the server's operator.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        match self {
            Self::UnreadableResponse { trace_id, .. } => trace_id.as_deref(),
            other => other.api_problem()?.trace_id.as_deref(),
        }
    }
}

fn successor(replacement: Option<&str>) -> String {
    replacement.map_or_else(|| "update this client".to_owned(), |replacement| format!("use {replacement}"))
}
