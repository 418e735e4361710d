use crate::{ApiProblem, Error};

/// The error of an admin call. Each variant requires a different reaction.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// 401: use another token.
    #[error("the admin token was not accepted: {0}; it may be expired, revoked, or for another server")]
    NotAuthenticated(Box<ApiProblem>),
    /// 403: the token's role does not allow it.
    #[error("not allowed: {0}")]
    Forbidden(Box<ApiProblem>),
    /// 404 or 405: the resource does not exist.
    #[error("not found: {0}")]
    NotFound(Box<ApiProblem>),
    /// 409: the current state does not allow it, such as revoking a key that was just used.
    #[error("conflict: {0}")]
    Conflict(Box<ApiProblem>),
    /// The token is empty or has characters that cannot be sent in a header. Nothing was sent.
    #[error("the admin token must be visible ASCII characters")]
    InvalidToken,
    /// It is not safe to send a token to the URL. Nothing was sent.
    #[error("the server's address {0}")]
    InvalidAddress(&'static str),
    /// Any other error of a call.
    #[error(transparent)]
    Call(Error),
}

impl From<Error> for AdminError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotAuthenticated(refusal) => Self::NotAuthenticated(refusal),
            Error::Forbidden(refusal) => Self::Forbidden(refusal),
            Error::NotFound(refusal) => Self::NotFound(refusal),
            Error::InvalidInput(refusal) if refusal.status == 409 => Self::Conflict(refusal),
            other => Self::Call(other),
        }
    }
}

impl AdminError {
    /// Returns the server's error response, if there was one.
    #[must_use]
    pub fn api_problem(&self) -> Option<&ApiProblem> {
        match self {
            Self::NotAuthenticated(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::Conflict(refusal) => Some(refusal),
            Self::InvalidToken | Self::InvalidAddress(_) => None,
            Self::Call(error) => error.api_problem(),
        }
    }
}
