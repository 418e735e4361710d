//! Calls with an access token.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::error::NO_STORE;
use crate::{face::Face, ledger::Grant, sandbox::Sandbox};

/// Why a call with an access token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResourceError {
    #[error("there is no access token")]
    NoToken,
    #[error("the access token is unknown, revoked or has expired")]
    DeadToken,
    #[error("the subscription key is missing or wrong")]
    NotSubscribed,
    #[error("the account is not registered")]
    NotRegistered,
    #[error("the account is registered already")]
    RegisteredAlready,
    #[error("the access token opens another account")]
    OtherAccount,
    #[error("there is nothing here")]
    NothingHere,
}

/// The grant behind the call's access token, which counts as used.
pub(super) fn live_grant(sandbox: &Sandbox, face: &Face, headers: &HeaderMap) -> Result<Grant, ResourceError> {
    let token = bearer(headers).ok_or(ResourceError::NoToken)?;
    let grant = sandbox.ledger().use_access_token(face, token, sandbox.now()).cloned();
    grant.ok_or(ResourceError::DeadToken)
}

pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl ResourceError {
    fn status(self) -> StatusCode {
        match self {
            Self::NoToken | Self::DeadToken | Self::NotSubscribed => StatusCode::UNAUTHORIZED,
            Self::NotRegistered | Self::OtherAccount => StatusCode::FORBIDDEN,
            Self::RegisteredAlready => StatusCode::CONFLICT,
            Self::NothingHere => StatusCode::NOT_FOUND,
        }
    }
}

/// RFC 6750, section 3: a call without a token learns no error code.
impl IntoResponse for ResourceError {
    fn into_response(self) -> Response {
        let challenge = match self {
            Self::NoToken => Some(r#"Bearer realm="sandbox""#),
            Self::DeadToken => Some(r#"Bearer realm="sandbox", error="invalid_token""#),
            _ => None,
        };
        let mut answer = (self.status(), NO_STORE, self.to_string()).into_response();
        let challenge = challenge.map(header::HeaderValue::from_static);
        answer.headers_mut().extend(challenge.map(|challenge| (header::WWW_AUTHENTICATE, challenge)));
        answer
    }
}
