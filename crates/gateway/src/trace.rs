//! What every answer has: a trace id, which goes with the calls to the upstream too, and, when it failed, a problem.

mod place;

use std::pin::pin;

use axum::{
    extract::{MatchedPath, Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use terra_auth_http::{RequestLog, TRACE_ID, meaning};
use tokio::time::Instant;
use tracing::Instrument as _;

pub use place::{Place, Tracer, set_tracer};

use crate::{error::Refusal, gateway::Gateway, metrics};

/// Gives each request its trace id, turns each failed answer without a body of its own into a problem, and counts it.
pub(crate) async fn trace(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let (began, log) = (Instant::now(), RequestLog::of(&request));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let target = request.uri().path_and_query().cloned();
    let (span, place) = Place::open(&request, gateway.entropy());
    let work = async {
        let response = terra_auth::traced(place.traceparent(), next.run(request)).await;
        let refused = response.extensions().get::<Refusal>().map(Refusal::refused);
        log.write(response.status(), refused.as_ref(), place.trace_id_header().to_str().unwrap_or_default());
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return response;
        }
        as_problem(response, target.as_ref().map_or("/", |target| target.as_str()))
    };
    let mut work = pin!(work.instrument(span));
    let mut response = work.as_mut().await;
    work.span().record("status", response.status().as_u16());
    response.headers_mut().insert(TRACE_ID, place.trace_id_header());
    metrics::request(route.as_ref().map(MatchedPath::as_str), response.status(), began.elapsed());
    response
}

fn as_problem(mut response: Response, instance: &str) -> Response {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        return refusal.into_problem(instance).with_headers_of(&response);
    }
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    let status = response.status();
    Refusal::new(status, meaning(status)).into_problem(instance).with_headers_of(&response)
}

trait WithHeaders {
    /// Keeps what other layers have said, such as how much the caller may still ask for.
    fn with_headers_of(self, other: &Response) -> Self;
}

impl WithHeaders for Response {
    fn with_headers_of(mut self, other: &Response) -> Self {
        for (name, value) in other.headers() {
            if *name != header::CONTENT_LENGTH {
                self.headers_mut().append(name, value.clone());
            }
        }
        self
    }
}
