//! Error responses: problems of RFC 9457 with the fields of Terra's older errors.

use std::collections::HashSet;

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use terra_auth_types::wire::{Problem, Status};
use uuid::Uuid;

/// The header with the trace id of a request: in its response, in the log, and in outgoing calls.
pub const TRACE_ID: HeaderName = HeaderName::from_static("x-terra-trace-id");

/// The value of [`TRACE_ID`]: 32 hex digits.
#[must_use]
pub fn trace_id_value(id: Uuid) -> HeaderValue {
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    id.simple().encode_lower(&mut text);
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
}

/// The body of an error response to the request `instance`, a path with its query.
#[must_use]
pub fn problem(status: StatusCode, code: Option<&str>, detail: &str, instance: &str) -> Problem {
    Problem {
        r#type: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("error").to_ascii_lowercase(),
        instance: instance.to_owned(),
        detail: Some(detail.to_owned()),
        code: code.map(str::to_owned),
        message: detail.to_owned(),
        status: Status::Error,
    }
}

/// An error response. `challenge` is the scheme of `WWW-Authenticate` in a 401.
#[must_use]
pub fn problem_response(
    status: StatusCode,
    problem: &Problem,
    retry_after_s: Option<u32>,
    challenge: &'static str,
) -> Response {
    let mut response = (status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after_s {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// Renders the problem of an error response: from the error of type `E` in its extensions, or from its status if it has no
/// body. Headers of other layers remain.
pub fn as_problem<E: Clone + Send + Sync + 'static>(
    mut response: Response,
    problem_of: impl FnOnce(E) -> Response,
    problem_of_status: impl FnOnce(StatusCode) -> Response,
) -> Response {
    let mut problem = if let Some(error) = response.extensions_mut().remove::<E>() {
        problem_of(error)
    } else if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    } else {
        problem_of_status(response.status())
    };
    let own: HashSet<HeaderName> = problem.headers().keys().cloned().collect();
    for (name, value) in response.headers() {
        if *name != header::CONTENT_LENGTH && !own.contains(name) {
            problem.headers_mut().append(name, value.clone());
        }
    }
    problem
}

/// The text for an error response without a reason, such as the router's.
#[must_use]
pub fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this path",
        StatusCode::METHOD_NOT_ALLOWED => "this path does not support this method; see the Allow header",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
        _ => "the request failed",
    }
}
