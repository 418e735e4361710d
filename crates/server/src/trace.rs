//! What every answer has: a trace id, and, when it failed, a problem that says so.

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use terra_auth_core::Auth;
use terra_auth_http::{Refused, RequestLog, TRACE_ID, trace_id_value};

use crate::{error::ApiError, params::settle_body};

const REFERENCE: HeaderName = HeaderName::from_static("terra-reference");

/// Gives each answer its trace id and turns each failed one without a body of its own into a problem.
pub(crate) async fn trace(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    let (uri, log) = (request.uri().clone(), RequestLog::of(&request));
    let (mut response, unread) = match settle_body(request).await {
        Ok((request, unread)) => (next.run(request).await, unread),
        Err(error) => (error.into_response(), true),
    };
    let trace_id = trace_id_value(auth.entropy.id());
    let refused = response
        .extensions_mut()
        .remove::<Refused>()
        .or_else(|| Some(response.extensions().get::<ApiError>()?.refused()));
    log.write(response.status(), refused.as_ref(), trace_id.to_str().unwrap_or_default());
    if response.status().is_client_error() || response.status().is_server_error() {
        let instance = uri.path_and_query().map_or("/", |instance| instance.as_str());
        response = as_problem(response, instance, trace_id.to_str().unwrap_or_default());
        if unread {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response.headers_mut().insert(REFERENCE, trace_id.clone());
    response.headers_mut().insert(TRACE_ID, trace_id);
    response
}

fn as_problem(mut response: Response, instance: &str, trace_id: &str) -> Response {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        return error.into_problem(instance, trace_id);
    }
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let mut problem = ApiError::new(response.status(), meaning(response.status())).into_problem(instance, trace_id);
    if let Some(allow) = allow {
        problem.headers_mut().insert(header::ALLOW, allow);
    }
    problem
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this path; the operations are listed at /docs",
        status => terra_auth_http::meaning(status),
    }
}
