//! Exports traces to an OpenTelemetry collector, if the process environment names one
//! (`OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`).

use anyhow::Context as _;
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _},
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use terra_auth_http::{TraceContext, set_tracer};
use tracing::{Span, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};
use uuid::Uuid;

use crate::credentials::variable;

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Exports spans. Dropping it exports the last ones and waits for the collector, so drop it when no
/// requests run.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Starts the exporter. `None` if no collector is configured.
    ///
    /// The exporter uses its own thread and a blocking client, because an async client would have
    /// no runtime there.
    pub(crate) fn start(service: &'static str) -> anyhow::Result<Option<Self>> {
        let is_set = |name: &&str| variable::text(name).is_some();
        if !ENDPOINTS.iter().any(is_set) {
            return Ok(None);
        }
        let exporter = SpanExporter::builder().with_http().build().context("could not export traces")?;
        let mut resource = Resource::builder();
        if !is_set(&SERVICE_NAME) {
            resource = resource.with_service_name(service);
        }
        let provider =
            SdkTracerProvider::builder().with_resource(resource.build()).with_batch_exporter(exporter).build();
        set_tracer(set_parent_span);
        Ok(Some(Self(provider)))
    }

    /// The layer that records the spans of requests.
    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let tracer: Tracer = self.0.tracer("terra-auth");
        let requests = Targets::new()
            .with_target("terra_auth_gateway", LevelFilter::INFO)
            .with_target("terra_auth_http", LevelFilter::INFO);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_filter(requests)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "could not export the last traces");
        }
    }
}

/// Makes a request's span a child of its caller's span, and returns the span's context.
fn set_parent_span(span: &Span, caller: Option<TraceContext>) -> Option<TraceContext> {
    if let Some(caller) = caller {
        let (trace_id, span_id) =
            (TraceId::from_bytes(caller.trace_id.into_bytes()), SpanId::from_bytes(caller.span_id));
        let caller = SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, true, TraceState::NONE);
        // Without the layer, the span has no context either; the return value below shows that.
        let _ = span.set_parent(Context::new().with_remote_span_context(caller));
    }
    let context = span.context();
    let (span, none) = (context.span().span_context().clone(), SpanContext::NONE);
    (span != none).then(|| TraceContext {
        trace_id: Uuid::from_bytes(span.trace_id().to_bytes()),
        span_id: span.span_id().to_bytes(),
    })
}
