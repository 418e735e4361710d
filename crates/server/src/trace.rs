//! The common parts of every response: a trace id and, for an error, a problem.

use std::pin::pin;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use terra_auth_core::Auth;
use terra_auth_http::{Refused, RequestLog, TRACE_ID, TraceContext, as_problem};
use tracing::Instrument as _;

use crate::{error::ApiError, params::settle_body};

const REFERENCE: HeaderName = HeaderName::from_static("terra-reference");

/// Adds the trace id to each response, replaces each empty error response by a problem, and puts all log lines of the
/// request into one span. The span has the route instead of the path, because the path of a session contains its secret.
pub(crate) async fn trace(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    let (uri, log) = (request.uri().clone(), RequestLog::of(&request));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = route.as_ref().map_or("", MatchedPath::as_str);
    let (span, context) = TraceContext::open(&request, path, || (auth.entropy().id(), auth.entropy().bytes()));
    let trace_id = context.trace_id_header();
    let work = async {
        let (mut response, unread) = match settle_body(request).await {
            Ok((request, unread)) => (context.scope(next.run(request)).await, unread),
            Err(error) => (error.into_response(), true),
        };
        let refused = response
            .extensions_mut()
            .remove::<Refused>()
            .or_else(|| Some(response.extensions().get::<ApiError>()?.refused()));
        log.write(response.status(), refused.as_ref(), trace_id.to_str().unwrap_or_default());
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return response;
        }
        let instance = uri.path_and_query().map_or("/", |instance| instance.as_str());
        let of_status = |status| ApiError::new(status, meaning(status)).into_problem(instance);
        let mut response = as_problem(response, |error: ApiError| error.into_problem(instance), of_status);
        if unread {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    };
    let mut work = pin!(work.instrument(span));
    let mut response = work.as_mut().await;
    work.span().record("status", response.status().as_u16());
    response.headers_mut().insert(REFERENCE, context.trace_id_header());
    response.headers_mut().insert(TRACE_ID, context.trace_id_header());
    response
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this path; the operations are listed at /docs",
        status => terra_auth_http::meaning(status),
    }
}
