//! What every answer has: a trace id, which goes with the calls to the upstream too, and, when it failed, a problem.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument as _, Span, field};
use uuid::Uuid;

use crate::{error::Refusal, gateway::Gateway};

const TRACE_ID: HeaderName = HeaderName::from_static("x-terra-trace-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Gives each request its trace id, and turns each failed answer without a body of its own into a problem.
pub(crate) async fn trace(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let trace = Trace::of(request.headers(), &gateway);
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let span = tracing::info_span!("request", trace.id = %trace.id, %method, path = uri.path(), status = field::Empty);
    let work = async {
        let mut response = terra_auth::traced(trace.parent(), next.run(request)).await;
        if response.status().is_client_error() || response.status().is_server_error() {
            let instance = uri.path_and_query().map_or("/", |instance| instance.as_str());
            response = as_problem(response, instance);
        }
        Span::current().record("status", response.status().as_u16());
        tracing::debug!("answered");
        response
    };
    let mut response = work.instrument(span).await;
    response.headers_mut().insert(TRACE_ID, trace.id_header());
    response
}

/// A place in a distributed trace.
///
/// Source: W3C Trace Context.
struct Trace {
    id: Uuid,
    span: [u8; 8],
}

impl Trace {
    /// Goes on with the caller's trace, or begins one.
    fn of(headers: &HeaderMap, gateway: &Gateway) -> Self {
        let begun = headers.get(TRACEPARENT).and_then(|value| trace_id(value.to_str().ok()?));
        Self { id: begun.unwrap_or_else(|| gateway.entropy().id()), span: gateway.entropy().bytes() }
    }

    fn parent(&self) -> HeaderValue {
        let text = format!("00-{}-{:016x}-01", self.id.simple(), u64::from_be_bytes(self.span));
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }

    fn id_header(&self) -> HeaderValue {
        let mut text = [0; uuid::fmt::Simple::LENGTH];
        self.id.simple().encode_lower(&mut text);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The trace id of a `traceparent`: `00-<32 hex digits, not all zero>-<16 hex digits>-<2 hex digits>`.
fn trace_id(traceparent: &str) -> Option<Uuid> {
    let mut parts = traceparent.split('-');
    let (version, id, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = version == "00" && is_hex(id, 32) && is_hex(span, 16);
    if fits { Uuid::try_parse(id).ok().filter(|id| !id.is_nil()) } else { None }
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

#[cfg(test)]
mod tests {
    use super::trace_id;

    #[test]
    fn a_trace_goes_on_only_if_it_is_one() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let read = |text: &str| trace_id(text).map(|id| id.simple().to_string());
        assert_eq!(read(&format!("00-{id}-b7ad6b7169203331-01")).as_deref(), Some(id));
        for other in [
            "",
            "00",
            id,
            &format!("01-{id}-b7ad6b7169203331-01"),
            &format!("00-{id}-b7ad6b716920333-01"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-zaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
