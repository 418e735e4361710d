/// Why these settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No login could ever succeed.
    #[error("no login method is configured; add [login.jwt], [login.who_am_i] or [login.trusted_header]")]
    NoLogin,
    /// A setting is invalid or dangerous.
    #[error("{key}: {problem}")]
    Invalid {
        /// The setting, such as `login.jwt.algorithms`.
        key: &'static str,
        /// The problem and the correction.
        problem: String,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Http(#[from] terra_auth_egress::SetupError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Client(#[from] terra_auth::Error),
}

impl SetupError {
    pub(crate) fn invalid(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { key, problem: problem.into() }
    }
}
