//! The trace of a request (W3C Trace Context), and the span of its log lines.

use std::sync::OnceLock;

use axum::extract::Request;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::{Span, field};
use uuid::Uuid;

use crate::problem::trace_id_value;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A span of a distributed trace.
///
/// Source: W3C Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The id of the trace; never nil.
    pub trace_id: Uuid,
    /// The id of the span.
    pub span_id: [u8; 8],
}

/// Connects a span with an exporter of traces. Returns the context of the span, given that of the caller; `None` if it is not
/// exported.
pub type Tracer = fn(&Span, Option<TraceContext>) -> Option<TraceContext>;

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// Sets the tracer of this process. Only the first call has an effect.
pub fn set_tracer(tracer: Tracer) {
    let _ = TRACER.set(tracer); // the first call wins
}

tokio::task_local! {
    static CURRENT: TraceContext;
}

impl TraceContext {
    /// The context of the request that this task handles; `None` outside of [`TraceContext::scope`].
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|context| *context).ok()
    }

    /// Makes this the [current](Self::current) context while `work` runs.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Opens the span of a request, in the trace of its `traceparent` or in a new one. `path` is logged, so it must not contain
    /// a secret. `new_ids` creates a trace id and a span id.
    pub fn open(request: &Request, path: &str, new_ids: impl FnOnce() -> (Uuid, [u8; 8])) -> (Span, Self) {
        let (method, caller) = (request.method(), Self::of_request(request.headers()));
        let Some(tracer) = TRACER.get() else {
            let context = Self::child(caller, new_ids());
            // Setting all fields at once is fastest for a span that is only logged.
            return (tracing::info_span!("request", trace.id = %context.trace_id.simple(), %method, path), context);
        };
        let span = tracing::info_span!(
            "request", otel.kind = "server", trace.id = field::Empty, %method, path, status = field::Empty
        );
        let context = tracer(&span, caller).unwrap_or_else(|| Self::child(caller, new_ids()));
        span.record("trace.id", field::display(context.trace_id.simple()));
        (span, context)
    }

    fn child(caller: Option<Self>, (trace_id, span_id): (Uuid, [u8; 8])) -> Self {
        Self { trace_id: caller.map_or(trace_id, |caller| caller.trace_id), span_id }
    }

    /// The caller's context, if its `traceparent` is valid.
    fn of_request(headers: &HeaderMap) -> Option<Self> {
        headers.get(TRACEPARENT).and_then(|value| Self::parse(value.to_str().ok()?))
    }

    /// Reads `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`, neither id all zero.
    fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if version != "00" || !is_hex(trace, 32) || !is_hex(span, 16) {
            return None;
        }
        let trace_id = Uuid::try_parse(trace).ok().filter(|id| !id.is_nil())?;
        let span_id = u64::from_str_radix(span, 16).ok().filter(|id| *id != 0)?.to_be_bytes();
        Some(Self { trace_id, span_id })
    }

    /// The value of `traceparent` for calls within this span.
    #[must_use]
    pub fn traceparent(&self) -> HeaderValue {
        let text = format!("00-{}-{:016x}-01", self.trace_id.simple(), u64::from_be_bytes(self.span_id));
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }

    /// The value of [`TRACE_ID`](crate::TRACE_ID).
    #[must_use]
    pub fn trace_id_header(&self) -> HeaderValue {
        trace_id_value(self.trace_id)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    #[test]
    fn only_a_valid_traceparent_continues_a_trace() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let read =
            |text: &str| TraceContext::parse(text).map(|context| context.traceparent().to_str().unwrap().to_owned());
        let traceparent = format!("00-{id}-b7ad6b7169203331-01");
        assert_eq!(read(&traceparent).as_ref(), Some(&traceparent));
        for other in [
            "",
            "00",
            id,
            &format!("01-{id}-b7ad6b7169203331-01"),
            &format!("00-{id}-b7ad6b716920333-01"),
            &format!("00-{id}-0000000000000000-01"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-zaf7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
