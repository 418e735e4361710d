use terra_auth_types::wire::admin::AppVerdict;

/// What a provider makes of an app, as far as that can be told without an end user.
#[derive(Debug, thiserror::Error)]
pub enum AppCheck {
    /// It refused the code that nobody gave us, and did not mind the app.
    #[error("the provider knows the app")]
    Known,
    /// It does not accept the client id with this secret, or not for logins.
    #[error("the provider refuses the app: {code}")]
    Refused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// It answered something from which neither follows.
    #[error("the provider's answer leaves it open")]
    Unclear(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It could not be reached.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl AppCheck {
    /// The same as the wire says it.
    #[must_use]
    pub const fn verdict(&self) -> AppVerdict {
        match self {
            Self::Known => AppVerdict::Known,
            Self::Refused { .. } => AppVerdict::Refused,
            Self::Unclear(_) => AppVerdict::Unclear,
            Self::Unreachable(_) => AppVerdict::Unreachable,
        }
    }
}
