//! The common parts of every response: a trace id, which upstream calls have too, and, for an error, a problem.

use std::pin::pin;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use terra_auth_http::{RequestLog, TRACE_ID, TraceContext, as_problem, meaning};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{error::ApiError, gateway::Gateway, metrics};

/// Adds the trace id to each response, replaces each empty error response by a problem, and counts the request.
pub(crate) async fn trace(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let (began, log) = (Instant::now(), RequestLog::of(&request));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let target = request.uri().path_and_query().cloned();
    let entropy = gateway.entropy();
    let (span, context) = TraceContext::open(&request, request.uri().path(), || (entropy.id(), entropy.bytes()));
    let work = async {
        let response = terra_auth::traced(context.traceparent(), next.run(request)).await;
        let refused = response.extensions().get::<ApiError>().map(ApiError::refused);
        log.write(response.status(), refused.as_ref(), context.trace_id_header().to_str().unwrap_or_default());
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return response;
        }
        let instance = target.as_ref().map_or("/", |target| target.as_str());
        let of_status = |status| ApiError::new(status, meaning(status)).into_problem(instance);
        as_problem(response, |error: ApiError| error.into_problem(instance), of_status)
    };
    let mut work = pin!(work.instrument(span));
    let mut response = work.as_mut().await;
    work.span().record("status", response.status().as_u16());
    response.headers_mut().insert(TRACE_ID, context.trace_id_header());
    metrics::request(route.as_ref().map(MatchedPath::as_str), response.status(), began.elapsed());
    response
}
