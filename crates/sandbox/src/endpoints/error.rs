//! Errors of RFC 6749, section 5.2, in the response format of the provider.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use serde_json::json;

use super::envelope::OAuthErrorBody;
use crate::{
    params::RepeatedParameter,
    profile::{ProviderProfile, ResponseFormat, Revocation},
    tokens::GrantError,
};

/// Responses must not be cached (RFC 6749, section 5.1).
pub(super) const NO_STORE: [(header::HeaderName, &str); 2] =
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];

/// The reason why the token or the revoke endpoint rejects a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum OAuthEndpointError {
    #[error(transparent)]
    Repeated(#[from] RepeatedParameter),
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    #[error("the client uses two authentication methods at once")]
    TwoClientSecrets,
    #[error("the client is unknown or its secret is wrong")]
    InvalidClient,
    #[error(transparent)]
    InvalidGrant(#[from] GrantError),
    #[error("this endpoint does not support the grant_type")]
    UnsupportedGrantType,
    #[error("the scope exceeds the granted scope")]
    InvalidScope,
    #[error("the token is unknown, revoked or has expired")]
    InvalidToken,
    #[error("invalid request")]
    OtherPortal,
}

impl OAuthEndpointError {
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
            Self::Missing(field) | Self::Repeated(RepeatedParameter(field)) => ("Request", field),
            Self::TwoClientSecrets | Self::UnsupportedGrantType | Self::OtherPortal => ("Request", "grant_type"),
        }
    }

    /// The response of this provider.
    pub(super) fn to_response(&self, face: &ProviderProfile) -> Response {
        let refuse = |status| {
            let description = self.to_string();
            let refusal = OAuthErrorBody { status, error: self.code(), about: self.about(), description: &description };
            let (status, body) = face.envelope.format_error(&refusal);
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

/// Rejects the client, even with correct credentials.
pub(crate) fn reject_client(face: &ProviderProfile) -> Response {
    OAuthEndpointError::InvalidClient.to_response(face)
}

/// Rejects the request because of the rate limit.
pub(crate) fn reject_by_rate_limit(face: &ProviderProfile, retry_after_seconds: u32) -> Response {
    let retry_after = [(header::RETRY_AFTER, retry_after_seconds.to_string())];
    let refusal = OAuthErrorBody {
        status: StatusCode::TOO_MANY_REQUESTS,
        error: "too_many_requests",
        about: ("Application", "rate limit"),
        description: "too many requests",
    };
    match face.envelope {
        ResponseFormat::Plain | ResponseFormat::Errors | ResponseFormat::Fault => {
            (refusal.status, retry_after, refusal.description).into_response()
        }
        ResponseFormat::StatusAndBody | ResponseFormat::Result => {
            let (status, body) = face.envelope.format_error(&refusal);
            (status, retry_after, Json(body)).into_response()
        }
    }
}
