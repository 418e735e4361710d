//! Simulates failures of a provider.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};
use futures_util::stream;

use crate::{
    endpoints::{reject_by_rate_limit, reject_client},
    fault::Fault,
    page::ProfilePath,
    profile::ProviderProfile,
    sandbox::{MAX_BODY_BYTES, Sandbox},
};

/// The maximum delay of a call, whatever delay was set.
const MAX_DELAY: Duration = Duration::from_mins(1);

/// Middleware for every endpoint of an app's server. It simulates the provider's current fault.
pub(crate) async fn inject_fault(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    mut request: Request,
    next: Next,
) -> Response {
    let fault = sandbox.next_fault(face);
    request.extensions_mut().insert(InjectedFault(fault));
    match fault {
        Some(Fault::TooManyRequests { retry_after_seconds }) => reject_by_rate_limit(face, retry_after_seconds),
        Some(Fault::ServerError) => (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response(),
        Some(Fault::Html) => gateway_page(face).into_response(),
        Some(Fault::InvalidClient) => reject_client(face),
        Some(Fault::NoErrorCode) => (StatusCode::BAD_REQUEST, "Bad Request").into_response(),
        Some(Fault::LostRequest) => cut_connection(),
        Some(Fault::Slow(delay)) => {
            tokio::time::sleep(delay.min(MAX_DELAY)).await;
            next.run(request).await
        }
        Some(Fault::TruncatedJson) => truncated_json(&next.run(request).await),
        Some(Fault::LostResponse) => {
            next.run(request).await;
            cut_connection()
        }
        Some(Fault::ProcessedTwice) => process_twice(request, next).await,
        Some(Fault::NoRefreshToken | Fault::ScopeList | Fault::ExpiresIn(_)) | None => next.run(request).await,
    }
}

/// The fault that applies to a request, for its handler.
#[derive(Clone, Copy)]
pub(crate) struct InjectedFault(pub(crate) Option<Fault>);

pub(crate) async fn process_twice(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY_BYTES).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let copy = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    next.clone().run(copy()).await;
    next.run(copy()).await
}

/// A response whose body fails at once, so the server closes the connection.
fn cut_connection() -> Response {
    let cut = stream::once(async { Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted)) });
    Response::new(Body::from_stream(cut))
}

fn gateway_page(face: &ProviderProfile) -> Html<String> {
    Html(format!("<!doctype html><title>{0}</title><h1>{0} is unavailable</h1>", face.display_name))
}

fn truncated_json(answer: &Response) -> Response {
    (answer.status(), [(header::CONTENT_TYPE, "application/json")], r#"{"access_token":"#).into_response()
}
