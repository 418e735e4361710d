//! Errors as RFC 6749, section 5.2, writes them.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{ledger::GrantError, params::Repeated};

/// Answers must not be kept by anyone on their way (RFC 6749, section 5.1).
pub(super) const NO_STORE: [(header::HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];

/// Why the token or the revoke endpoint refuses.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChannelError {
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("the client authenticates in two ways at once")]
    TwoClientSecrets,
    #[error("the client is unknown or its secret is wrong")]
    InvalidClient,
    #[error(transparent)]
    InvalidGrant(#[from] GrantError),
    #[error("grant_type must be authorization_code or refresh_token")]
    UnsupportedGrantType,
    #[error("the scope goes beyond what was granted")]
    InvalidScope,
}

#[derive(Serialize)]
struct Body {
    error: &'static str,
    error_description: String,
}

impl ChannelError {
    fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) | Self::Missing(_) | Self::TwoClientSecrets => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

impl IntoResponse for ChannelError {
    fn into_response(self) -> Response {
        let body = Json(Body { error: self.code(), error_description: self.to_string() });
        match self {
            Self::InvalidClient => {
                let challenge = [(header::WWW_AUTHENTICATE, r#"Basic realm="sandbox""#)];
                (StatusCode::UNAUTHORIZED, NO_STORE, challenge, body).into_response()
            }
            _ => (StatusCode::BAD_REQUEST, NO_STORE, body).into_response(),
        }
    }
}
