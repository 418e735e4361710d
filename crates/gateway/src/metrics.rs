//! All metrics. Without a recorder (see the crate `metrics`), they are discarded.
//!
//! Labels contain only our own names and no text of a caller, which limits the number of series.

use std::time::Duration;

use axum::http::StatusCode;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use terra_auth::Error;
use terra_auth_model::delivery::AttemptOutcome;

use crate::{breaker::UpstreamError, reconcile::Drift};

const REQUESTS: &str = "terra_gateway_requests_total";
const REQUEST_DURATION: &str = "terra_gateway_request_duration_seconds";
const RATE_LIMITED: &str = "terra_gateway_rate_limited_total";
const UPSTREAM_CALLS: &str = "terra_gateway_upstream_calls_total";
const UPSTREAM_DURATION: &str = "terra_gateway_upstream_call_duration_seconds";
pub(crate) const BREAKER_OPEN: &str = "terra_gateway_breaker_open";
const EVENTS: &str = "terra_gateway_events_total";
const EVENTS_REFUSED: &str = "terra_gateway_events_refused_total";
const FORWARDS: &str = "terra_gateway_forwards_total";
pub(crate) const EVENTS_WAITING: &str = "terra_gateway_events_waiting";
pub(crate) const EVENTS_DEAD: &str = "terra_gateway_events_dead";
const DRIFT: &str = "terra_gateway_drift";
/// The suffix of histograms in seconds.
pub const DURATION_SUFFIX: &str = "_duration_seconds";

/// Registers the description of each metric.
pub fn describe_metrics() {
    describe_counter!(REQUESTS, Unit::Count, "Requests, by route and class of status");
    describe_histogram!(
        REQUEST_DURATION,
        Unit::Seconds,
        "From the head of a request to that of its response, by route"
    );
    describe_counter!(RATE_LIMITED, Unit::Count, "Requests rejected by a rate limit, per user or in total");
    describe_counter!(UPSTREAM_CALLS, Unit::Count, "Calls to Terra's API for a user: ok, refused, failed, not_made");
    describe_histogram!(UPSTREAM_DURATION, Unit::Seconds, "Duration of the calls to Terra's API");
    describe_gauge!(BREAKER_OPEN, Unit::Count, "1 while the circuit breaker of Terra's API is open, else 0");
    describe_counter!(EVENTS, Unit::Count, "Verified events, by type and result: recorded, duplicate");
    describe_counter!(EVENTS_REFUSED, Unit::Count, "Rejected events, by reason");
    describe_counter!(FORWARDS, Unit::Count, "Attempts to forward an event to the app: done, failed, given_up");
    describe_gauge!(EVENTS_WAITING, Unit::Count, "Events that wait to be forwarded");
    describe_gauge!(EVENTS_DEAD, Unit::Count, "Events whose attempts all failed; see `gateway events replay`");
    describe_gauge!(
        DRIFT,
        Unit::Count,
        "Result of the latest comparison with Terra's API: missing, changed, gone, unknown"
    );
}

/// Counts and times a request; see [`ROUTES`].
pub(crate) fn request(route: Option<&str>, status: StatusCode, took: Duration) {
    let known = ROUTES.into_iter().find(|known| Some(*known) == route);
    let route = known.unwrap_or("other");
    counter!(REQUESTS, "route" => route, "status" => class(status)).increment(1);
    histogram!(REQUEST_DURATION, "route" => route).record(took);
}

/// The routes with their own label. Any other path has the label `other`.
const ROUTES: [&str; 11] = [
    "/api/terra/mobile-token",
    "/api/terra/widget-session",
    "/api/terra/integrations",
    "/api/terra/connections",
    "/api/terra/connections/{user_id}",
    "/api/terra/logos/{resource}",
    "/webhooks/terra",
    "/terra.js",
    "/terra.d.ts",
    "/healthz",
    "/readyz",
];

pub(crate) fn rate_limited() {
    counter!(RATE_LIMITED).increment(1);
}

pub(crate) fn upstream_call<T>(result: &Result<T, UpstreamError>, took: Duration) {
    let outcome = match result {
        Ok(_) => "ok",
        Err(UpstreamError::Paused { .. }) => "not_made",
        Err(UpstreamError::Failed(Error::Server(_) | Error::Network { .. } | Error::UnreadableResponse { .. })) => {
            "failed"
        }
        Err(UpstreamError::Failed(_)) => "refused",
    };
    counter!(UPSTREAM_CALLS, "outcome" => outcome).increment(1);
    if outcome != "not_made" {
        histogram!(UPSTREAM_DURATION).record(took);
    }
}

/// Counts a verified event; `kind` comes from [`event_label`].
pub(crate) fn event(kind: &'static str, result: &'static str) {
    counter!(EVENTS, "type" => kind, "result" => result).increment(1);
}

pub(crate) fn event_refused(reason: &'static str) {
    counter!(EVENTS_REFUSED, "reason" => reason).increment(1);
}

pub(crate) fn forward(outcome: &AttemptOutcome) {
    let outcome = match outcome {
        AttemptOutcome::Done => "done",
        AttemptOutcome::RetryAt(_) => "failed",
        AttemptOutcome::GaveUp => "given_up",
    };
    counter!(FORWARDS, "outcome" => outcome).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and 2^53 connections are enough")]
pub(crate) fn drift(drift: &Drift) {
    let unknown = drift.unknown + drift.not_asked;
    let counts = [("missing", drift.missing.count), ("changed", drift.changed.count), ("gone", drift.gone.count)];
    for (kind, count) in counts.into_iter().chain([("unknown", unknown)]) {
        gauge!(DRIFT, "kind" => kind).set(count as f64);
    }
}

/// The event types with their own label.
const TYPES: [&str; 20] = [
    "access_revoked",
    "activity",
    "athlete",
    "auth",
    "auth_cancelled",
    "body",
    "connection_error",
    "daily",
    "deauth",
    "healthcheck",
    "large_request_processing",
    "large_request_sending",
    "menstruation",
    "nutrition",
    "permission_change",
    "planned_workout",
    "processing",
    "rate_limit_hit",
    "sleep",
    "user_reauth",
];

/// The label for an event's type: the type itself if it is known, else `other`.
pub(crate) fn event_label(kind: &str) -> &'static str {
    TYPES.into_iter().find(|known| *known == kind).unwrap_or("other")
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::event_label;

    #[test]
    fn only_event_types_become_labels() {
        for (kind, label) in [("auth", "auth"), ("invented by a sender", "other"), ("", "other")] {
            assert_eq!(event_label(kind), label);
        }
    }
}
