//! What the operator's machines ask: `/metrics`, for Prometheus, beside `/healthz` and `/readyz`.

use anyhow::Context as _;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use terra_auth_core::causes::Causes;
use terra_auth_gateway::{DURATION_SUFFIX, Gateway, describe_metrics};
use tokio::time::{Duration, interval};

/// Seconds: from an answer out of memory to the longest call.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// How long samples may wait to be put into their buckets.
const UPKEEP: Duration = Duration::from_secs(5);

const AS_TEXT: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))];

/// Records from now on what the gateway counts.
pub(super) fn record() -> anyhow::Result<PrometheusHandle> {
    let builder =
        PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix(DURATION_SUFFIX.to_owned()), &BUCKETS);
    let handle = builder.and_then(PrometheusBuilder::install_recorder).context("could not count anything")?;
    describe_metrics();
    Ok(handle)
}

/// Everything that is answered on the operator's listener.
pub(super) fn router(gateway: &Gateway, handle: PrometheusHandle) -> Router {
    let measured = gateway.clone();
    let metrics = move || async move {
        if let Err(error) = measured.measure().await {
            tracing::warn!(error = %Causes(&error), "could not count the events");
        }
        (AS_TEXT, handle.render())
    };
    gateway.operations().route("/metrics", get(metrics))
}

/// Puts samples into their buckets, also while nobody asks, so that they do not pile up.
pub(super) async fn keep_up(handle: PrometheusHandle, shutdown: impl Future<Output = ()>) {
    tokio::pin!(shutdown);
    let mut turns = interval(UPKEEP);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = turns.tick() => handle.run_upkeep(),
        }
    }
}
