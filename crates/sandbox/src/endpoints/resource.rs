//! Authentication of calls with an access token.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::error::NO_STORE;
use crate::{profile::ProviderProfile, sandbox::Sandbox, tokens::Grant};

/// The reason why a call with an access token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResourceError {
    #[error("the access token is missing")]
    NoToken,
    #[error("the access token is unknown, revoked or has expired")]
    InvalidToken,
    #[error("the subscription key is missing or wrong")]
    NotSubscribed,
    #[error("the account is not registered")]
    NotRegistered,
    #[error("the account is already registered")]
    RegisteredAlready,
    #[error("the access token belongs to another account")]
    OtherAccount,
    #[error("not found")]
    NotFound,
}

/// Returns the grant of the call's access token, and marks the token as used.
pub(super) fn live_grant(
    sandbox: &Sandbox,
    face: &ProviderProfile,
    headers: &HeaderMap,
) -> Result<Grant, ResourceError> {
    let token = bearer(headers).ok_or(ResourceError::NoToken)?;
    let grant = sandbox.token_store().use_access_token(face, token, sandbox.now()).cloned();
    grant.ok_or(ResourceError::InvalidToken)
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl ResourceError {
    fn status(self) -> StatusCode {
        match self {
            Self::NoToken | Self::InvalidToken | Self::NotSubscribed => StatusCode::UNAUTHORIZED,
            Self::NotRegistered | Self::OtherAccount => StatusCode::FORBIDDEN,
            Self::RegisteredAlready => StatusCode::CONFLICT,
            Self::NotFound => StatusCode::NOT_FOUND,
        }
    }
}

/// A call without a token gets no error code (RFC 6750, section 3).
impl IntoResponse for ResourceError {
    fn into_response(self) -> Response {
        let challenge = match self {
            Self::NoToken => Some(r#"Bearer realm="sandbox""#),
            Self::InvalidToken => Some(r#"Bearer realm="sandbox", error="invalid_token""#),
            _ => None,
        };
        let mut answer = (self.status(), NO_STORE, self.to_string()).into_response();
        let challenge = challenge.map(header::HeaderValue::from_static);
        answer.headers_mut().extend(challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
        answer
    }
}
