use crate::{Error, Refusal};

/// Why something administrative was not done. Each variant is something else to do.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// 401: ask again with another token.
    #[error("the admin token was not accepted: {0}; it may be another server's, expired or revoked")]
    NotAuthenticated(Box<Refusal>),
    /// 403: the token's role does not allow it.
    #[error("not allowed: {0}")]
    Forbidden(Box<Refusal>),
    /// 404 or 405: not there.
    #[error("not found: {0}")]
    NotFound(Box<Refusal>),
    /// 409: it cannot be done as things stand, such as ending a key that was used just now.
    #[error("refused: {0}")]
    Conflict(Box<Refusal>),
    /// The token is empty or has characters that cannot travel; nothing was sent.
    #[error("the admin token must be visible ASCII characters")]
    InvalidToken,
    /// The address is not one that a token may be sent to; nothing was sent.
    #[error("the server's address {0}")]
    InvalidAddress(&'static str),
    /// Whatever else can happen to a call.
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
    /// The server's own words, if it refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::NotAuthenticated(refusal)
            | Self::Forbidden(refusal)
            | Self::NotFound(refusal)
            | Self::Conflict(refusal) => Some(refusal),
            Self::InvalidToken | Self::InvalidAddress(_) => None,
            Self::Call(error) => error.refusal(),
        }
    }
}
