pub use refusal::Refusal;

use crate::{CredentialsError, InvalidRedirect};

pub(crate) mod refusal;

/// Why a call did not work. Each variant is something else for the caller to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: ask again with other keys.
    #[error(
        "the keys were not accepted: {0}; check that TERRA_DEV_ID and TERRA_API_KEY are both from the same environment"
    )]
    NotAuthenticated(Box<Refusal>),
    /// 403: the keys do not open this; some servers also answer wrong keys so. [`Refusal::code`] may say which.
    #[error("not allowed: {}; {}", .0, .0.after_forbidden())]
    Forbidden(Box<Refusal>),
    /// 404 or 405: not there, or not in this environment.
    #[error("not found: {0}; check the id, the environment it was made in, and TERRA_API_URL")]
    NotFound(Box<Refusal>),
    /// 410: the server no longer has this call.
    #[error("gone: {refusal}; {}", successor(replacement.as_deref()))]
    Gone {
        /// The call to use instead, where the server names it.
        replacement: Option<String>,
        /// The server's own words.
        refusal: Box<Refusal>,
    },
    /// 429: wait for [`Refusal::retry_after`], then ask again.
    #[error("too many requests: {0}; ask less often")]
    RateLimited(Box<Refusal>),
    /// The environment has as many connected users as it may have.
    #[error("no more users fit into this environment: {0}; deauthenticate some, or use production")]
    UserLimit(Box<Refusal>),
    /// The server does not understand the request: mend it before asking again.
    #[error("the request was refused: {0}")]
    InvalidInput(Box<Refusal>),
    /// A link that an end user must not be sent to; nothing was sent.
    #[error(transparent)]
    InvalidRedirect(#[from] InvalidRedirect),
    /// 5xx: the server's own fault. It may have done the work or not.
    #[error("the server failed: {}; {}", .0, .0.after_failure())]
    Server(Box<Refusal>),
    /// No whole answer came. The server may have done the work or not.
    #[error("{problem} {host}; {next}")]
    Network {
        /// What happened, up to the host's name.
        problem: &'static str,
        /// Whom it was about.
        host: String,
        /// What to do.
        next: &'static str,
        /// Without the URL, which may hold personal data. `None` if nothing listens on this machine, which says it all.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// An answer came that is none of this API's.
    #[error("unreadable answer from {host}: {problem}{}; check TERRA_API_URL", refusal::trace(trace_id.as_deref()))]
    UnreadableAnswer {
        /// Who answered.
        host: String,
        /// What is wrong with it.
        problem: String,
        /// Names the call in the server's log.
        trace_id: Option<String>,
    },
    /// The keys could not be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl Error {
    /// The server's own words, if it refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotAuthenticated(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::Gone { refusal, .. }
            | Self::RateLimited(refusal)
            | Self::UserLimit(refusal)
            | Self::InvalidInput(refusal)
            | Self::Server(refusal) => Some(refusal),
            Self::InvalidRedirect(_) | Self::Network { .. } | Self::UnreadableAnswer { .. } | Self::Credentials(_) => {
                None
            }
        }
    }

    /// Names the call in the server's log: quote it when asking its operator.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        match self {
            Self::UnreadableAnswer { trace_id, .. } => trace_id.as_deref(),
            other => other.refusal()?.trace_id.as_deref(),
        }
    }
}

fn successor(replacement: Option<&str>) -> String {
    replacement.map_or_else(|| "update this client".to_owned(), |replacement| format!("use {replacement}"))
}
