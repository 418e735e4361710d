//! Errors as RFC 6749, section 5.2, writes them, in the envelope of the face.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use serde_json::json;

use super::envelope::Refusal;
use crate::{
    face::{Envelope, Face, Revocation},
    ledger::GrantError,
    params::Repeated,
};

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
    #[error("the grant_type is not one for this address")]
    UnsupportedGrantType,
    #[error("the scope goes beyond what was granted")]
    InvalidScope,
    #[error("the token is unknown, revoked or has expired")]
    InvalidToken,
    #[error("invalid request")]
    OtherPortal,
}

impl ChannelError {
    fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) | Self::Missing(_) | Self::TwoClientSecrets | Self::OtherPortal => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidToken => "invalid_token",
        }
    }

    fn about(&self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidClient => ("Application", "client_secret"),
            Self::InvalidGrant(error) if error.is_about_a_code() => ("AuthorizationCode", "code"),
            Self::InvalidGrant(_) => ("RefreshToken", "refresh_token"),
            Self::InvalidScope => ("Authorize", "scope"),
            Self::InvalidToken => ("AccessToken", "token"),
            Self::Missing(field) | Self::Repeated(Repeated(field)) => ("Request", field),
            Self::TwoClientSecrets | Self::UnsupportedGrantType | Self::OtherPortal => ("Request", "grant_type"),
        }
    }

    /// The answer of this face.
    pub(super) fn answer(&self, face: &Face) -> Response {
        let refuse = |status| {
            let description = self.to_string();
            let refusal = Refusal { status, error: self.code(), about: self.about(), description: &description };
            let (status, body) = face.envelope.refusal(&refusal);
            (status, NO_STORE, Json(body)).into_response()
        };
        match self {
            Self::InvalidGrant(error @ GrantError::TooManyPairs) => {
                (StatusCode::BAD_REQUEST, NO_STORE, Json(json!({"message": error.to_string()}))).into_response()
            }
            Self::InvalidClient => {
                let challenge = [(header::WWW_AUTHENTICATE, r#"Basic realm="sandbox""#)];
                (challenge, refuse(StatusCode::UNAUTHORIZED)).into_response()
            }
            Self::InvalidToken if matches!(face.revocation, Revocation::Query(_)) => refuse(StatusCode::UNAUTHORIZED),
            _ => refuse(StatusCode::BAD_REQUEST),
        }
    }
}

/// Refuses the client, whoever it is.
pub(crate) fn refuse_client(face: &Face) -> Response {
    ChannelError::InvalidClient.answer(face)
}

/// Asks for patience.
pub(crate) fn refuse_for_now(face: &Face, retry_after_seconds: u32) -> Response {
    let retry_after = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
    let refusal = Refusal {
        status: StatusCode::TOO_MANY_REQUESTS,
        error: "too_many_requests",
        about: ("Application", "rate limit"),
        description: "too many requests",
    };
    match face.envelope {
        Envelope::Plain | Envelope::Errors | Envelope::Fault => {
            (refusal.status, retry_after, refusal.description).into_response()
        }
        Envelope::StatusAndBody | Envelope::Result => {
            let (status, body) = face.envelope.refusal(&refusal);
            (status, retry_after, Json(body)).into_response()
        }
    }
}
