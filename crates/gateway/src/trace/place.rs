use std::sync::OnceLock;

use axum::extract::Request;
use http::{HeaderMap, HeaderName, HeaderValue};
use terra_auth_core::clock::Entropy;
use terra_auth_http::trace_id_value;
use tracing::{Span, field};
use uuid::Uuid;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A place in a distributed trace.
///
/// Source: W3C Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Names the trace; never nil.
    pub trace_id: Uuid,
    /// Names the span in it.
    pub span_id: [u8; 8],
}

/// Says which place a request's span has in a distributed trace, given its caller's; `None` if it keeps no such spans.
pub type Tracer = fn(&Span, Option<Place>) -> Option<Place>;

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// Lets `tracer` place the requests of all gateways in this process, as it has spans of its own to tell of. For whoever
/// sets up `tracing`, which is one for the process too; only the first call counts.
pub fn set_tracer(tracer: Tracer) {
    let _ = TRACER.set(tracer); // the first one stays
}

impl Place {
    /// Opens the span of a request, in the caller's trace or a new one, where the tracer says, if there is one.
    pub(super) fn open(request: &Request, entropy: &dyn Entropy) -> (Span, Self) {
        let (method, path, caller) = (request.method(), request.uri().path(), Self::of_caller(request.headers()));
        let Some(tracer) = TRACER.get() else {
            let place = Self::below(caller, entropy);
            // All at once: a span that is only there for the log is quickest so.
            return (tracing::info_span!("request", trace.id = %place.trace_id.simple(), %method, path), place);
        };
        let span = tracing::info_span!(
            "request", otel.kind = "server", trace.id = field::Empty, %method, path, status = field::Empty
        );
        let place = tracer(&span, caller).unwrap_or_else(|| Self::below(caller, entropy));
        span.record("trace.id", field::display(place.trace_id.simple()));
        (span, place)
    }

    fn below(caller: Option<Self>, entropy: &dyn Entropy) -> Self {
        let trace_id = caller.map_or_else(|| entropy.id(), |caller| caller.trace_id);
        Self { trace_id, span_id: entropy.bytes() }
    }

    /// The caller's place, if its `traceparent` is one.
    fn of_caller(headers: &HeaderMap) -> Option<Self> {
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

    pub(super) fn traceparent(&self) -> HeaderValue {
        let text = format!("00-{}-{:016x}-01", self.trace_id.simple(), u64::from_be_bytes(self.span_id));
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }

    pub(super) fn trace_id_header(&self) -> HeaderValue {
        trace_id_value(self.trace_id)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_trace_goes_on_only_if_it_is_one() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        let read = |text: &str| Place::parse(text).map(|place| place.traceparent().to_str().unwrap().to_owned());
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
