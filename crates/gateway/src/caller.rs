//! Who may pass: end users who are logged in to the app, from pages that may ask, not too often.

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
    csrf, error::Refusal, gateway::Gateway, limit::Standing, live::Live, login::Presented, metrics, peer::peer,
};

/// The end user who is logged in to the app, and the configuration that let him in.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) reference_id: ReferenceId,
    pub(crate) live: Arc<Live>,
}

/// The most that a request's body may hold, webhooks aside.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// How long a caller may take to send it.
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Lets end users in. The body is read first, so that a refused request leaves its connection fit for the next one.
pub(crate) async fn let_in(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = match whole(body).await {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(),
    };
    let (caller, standing) = match admit(&gateway, &parts).await {
        Ok(admitted) => admitted,
        Err(refused) => return refused,
    };
    parts.extensions.insert(caller);
    let mut response = next.run(Request::from_parts(parts, Body::from(body))).await;
    standing.write(response.headers_mut());
    response
}

async fn admit(gateway: &Gateway, request: &request::Parts) -> Result<(Caller, Standing), Response> {
    let live = gateway.live();
    let presented = Presented { headers: &request.headers, peer: peer(request) };
    let identity = live.identify(&presented).await.map_err(Refusal::into_response)?;
    if identity.ambient {
        live.hosts.check(request).map_err(Refusal::into_response)?;
        csrf::check(&request.method, &request.headers, &live.allowed_origins)
            .map_err(|error| Refusal::from(error).into_response())?;
    }
    let standing = live.limits.admit(&identity.reference_id).map_err(|too_many| {
        metrics::rate_limited();
        let mut refused = Refusal::from(&too_many).into_response();
        too_many.standing.write(refused.headers_mut());
        refused
    })?;
    Ok((Caller { reference_id: identity.reference_id, live }, standing))
}

async fn whole(body: Body) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    read_body(body, MAX_BODY_BYTES, BODY_TIMEOUT).await.map_err(|error| match error {
        BodyError::TimedOut => Refusal::new(StatusCode::REQUEST_TIMEOUT, error.to_string()),
        BodyError::TooLarge => {
            let detail = format!("the body must hold at most {MAX_BODY_BYTES} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
        }
        BodyError::Incomplete => Refusal::bad_request(error.to_string()),
    })
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.remove().ok_or_else(|| Refusal::not_logged_in("nobody is logged in"))
    }
}
