//! Authentication of end users: the login, the page that sent the request, and the rate limit.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::{FromRequestParts, Request, State},
    http::{StatusCode, request},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use terra_auth_http::{BodyError, read_body};
use terra_auth_types::ReferenceId;

use crate::{
    csrf, error::ApiError, gateway::Gateway, login::RequestCredentials, metrics, peer::peer,
    rate_limit::RateLimitStatus, runtime_config::RuntimeConfig,
};

/// The authenticated end user, and the configuration that was used for the check.
#[derive(Clone)]
pub(crate) struct AuthenticatedRequest {
    pub(crate) reference_id: ReferenceId,
    pub(crate) live: Arc<RuntimeConfig>,
}

/// The maximum body size, except for webhooks.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// How long a caller may take to send the body.
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Authenticates the end user. The body is read first, so that the connection can be reused after a
/// rejection.
pub(crate) async fn authenticate_end_user(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match read_small_body(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let (caller, status) = match authenticate(&gateway, &parts).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    parts.extensions.insert(caller);
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    status.write(response.headers_mut());
    response
}

async fn authenticate(
    gateway: &Gateway,
    request: &request::Parts,
) -> Result<(AuthenticatedRequest, RateLimitStatus), Response> {
    let live = gateway.live();
    let presented = RequestCredentials { headers: &request.headers, peer: peer(request) };
    let identity = live.identify(&presented).await.map_err(ApiError::into_response)?;
    if identity.sent_by_browser {
        live.hosts.check(request).map_err(ApiError::into_response)?;
        csrf::check(&request.method, &request.headers, &live.allowed_origins)
            .map_err(|error| ApiError::from(error).into_response())?;
    }
    let status = live.limits.admit(&identity.reference_id).map_err(|too_many| {
        metrics::rate_limited();
        let mut refused = ApiError::from(&too_many).into_response();
        too_many.status.write(refused.headers_mut());
        refused
    })?;
    Ok((AuthenticatedRequest { reference_id: identity.reference_id, live }, status))
}

async fn read_small_body(body: Body) -> Result<Bytes, ApiError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    read_body(body, MAX_BODY_BYTES, BODY_TIMEOUT).await.map_err(|error| match error {
        BodyError::TimedOut => ApiError::new(StatusCode::REQUEST_TIMEOUT, error.to_string()),
        BodyError::TooLarge => {
            let detail = format!("the body must have at most {MAX_BODY_BYTES} bytes");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        BodyError::Incomplete => ApiError::bad_request(error.to_string()),
    })
}

impl<S: Sync> FromRequestParts<S> for AuthenticatedRequest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.remove().ok_or_else(|| ApiError::not_logged_in("no user is logged in"))
    }
}
