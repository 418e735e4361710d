//! The operator's routes: `/metrics` for Prometheus, `/healthz` and `/readyz`.

use anyhow::Context as _;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use terra_auth_gateway::{DURATION_SUFFIX, Gateway, describe_metrics};
use terra_auth_model::causes::Causes;
use tokio::time::{Duration, interval};

/// Upper bounds in seconds: from a response out of memory to the longest call.
const DURATION_BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// How often samples are moved to their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

const METRICS_HEADERS: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))];

/// Starts recording the gateway's metrics.
pub(super) fn install_recorder() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix(DURATION_SUFFIX.to_owned()), &DURATION_BUCKETS_S);
    let handle = builder.and_then(PrometheusBuilder::install_recorder).context("could not start recording metrics")?;
    describe_metrics();
    Ok(handle)
}

/// The routes of the operator's listener.
pub(super) fn router(gateway: &Gateway, handle: PrometheusHandle) -> Router {
    let measured = gateway.clone();
    let metrics = move || async move {
        if let Err(error) = measured.measure().await {
            tracing::warn!(error = %Causes(&error), "could not count the events");
        }
        (METRICS_HEADERS, handle.render())
    };
    gateway.operations().route("/metrics", get(metrics))
}

/// Moves samples to their buckets regularly. Otherwise they accumulate while nothing reads the metrics.
pub(super) async fn run_upkeep(handle: PrometheusHandle, shutdown: impl Future<Output = ()>) {
    tokio::pin!(shutdown);
    let mut turns = interval(UPKEEP_INTERVAL);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = turns.tick() => handle.run_upkeep(),
        }
    }
}
