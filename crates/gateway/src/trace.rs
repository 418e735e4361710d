//! What every answer has: a trace id, which goes with the calls to the upstream too, and, when it failed, a problem.

mod place;

use axum::{
    extract::{Request, State},
    http::{HeaderName, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, Span, field};

pub use place::{Place, Tracer, set_tracer};

use crate::{error::Refusal, gateway::Gateway};

const TRACE_ID: HeaderName = HeaderName::from_static("x-terra-trace-id");

/// Gives each request its trace id, and turns each failed answer without a body of its own into a problem.
pub(crate) async fn trace(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let span = tracing::info_span!(
        "request", otel.kind = "server", trace.id = field::Empty, %method, path = uri.path(), status = field::Empty
    );
    let place = Place::of(&span, Place::of_caller(request.headers()), gateway.entropy());
    span.record("trace.id", field::display(place.trace_id.simple()));
    let work = async {
        let mut response = terra_auth::traced(place.traceparent(), next.run(request)).await;
        if response.status().is_client_error() || response.status().is_server_error() {
            let instance = uri.path_and_query().map_or("/", |instance| instance.as_str());
            response = as_problem(response, instance);
        }
        Span::current().record("status", response.status().as_u16());
        tracing::debug!("answered");
        response
    };
    let mut response = work.instrument(span).await;
    response.headers_mut().insert(TRACE_ID, place.trace_id_header());
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

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "there is nothing at this path",
        StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method; the Allow header lists those it takes",
        StatusCode::PAYLOAD_TOO_LARGE => "the body is too large",
        _ => "the request cannot be answered",
    }
}
