use terra_auth_outbound as outbound;

/// Why the gateway cannot start with these settings, or go on with new ones.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Nobody could ever log in.
    #[error("no way to log in is set; add [login.jwt], [login.who_am_i] or [login.trusted_header]")]
    NoLogin,
    /// A setting that means nothing, or something dangerous.
    #[error("{key}: {problem}")]
    Invalid {
        /// The setting, as `login.jwt.algorithms`.
        key: &'static str,
        /// What is wrong with it and what to write instead.
        problem: String,
    },
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Http(#[from] outbound::SetupError),
    /// The credentials cannot be used.
    #[error(transparent)]
    Client(#[from] terra_auth::Error),
}

impl SetupError {
    pub(crate) fn invalid(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { key, problem: problem.into() }
    }
}
