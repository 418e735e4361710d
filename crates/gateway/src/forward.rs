//! The worker that forwards received events to the app.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use terra_auth::webhook::{SIGNATURE_HEADER, SIGNATURE_HEADER_NEW, sign};
use terra_auth_egress::{Bounds, HttpAnswer, HttpError};
use terra_auth_model::{
    causes::Causes, delivery::AttemptOutcome, received_event::ReceivedEvent, store_error::StoreError,
};
use tokio::{task::JoinSet, time::sleep};
use url::Url;

use crate::{gateway::Gateway, metrics, runtime_config::Forwarding};

/// The same timeout that Terra gives a receiver.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(8), size_bytes: 64 << 10 };
/// The number of concurrent attempts.
const MAX_CONCURRENT: usize = 32;
/// The longest sleep. `terra-auth gateway events replay` writes to the store from another process
/// and cannot wake this worker.
const MAX_SLEEP: Duration = Duration::from_secs(1);
const MIN_SLEEP: Duration = Duration::from_millis(20);
const BACKOFF: Duration = Duration::from_secs(2);
/// How long to wait once there are no expired events left to delete.
const TIDY_EVERY: Duration = Duration::from_mins(1);

impl Gateway {
    /// Forwards due events and deletes expired ones, until `shutdown` resolves. Attempts in flight
    /// are finished first.
    pub async fn forward(&self, shutdown: impl Future<Output = ()>) {
        let shutdown = shutdown.shared();
        tokio::join!(self.forward_as_due(shutdown.clone()), self.delete_old_events(shutdown));
    }

    async fn forward_as_due(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut on_their_way = JoinSet::new();
        loop {
            let pause = self.forward_due(&mut on_their_way).await.unwrap_or_else(|error| {
                tracing::error!(error = %Causes(&error), "could not read the events to forward; trying again in {BACKOFF:?}");
                BACKOFF
            });
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = on_their_way.join_next() => {}
                () = self.inbox().arrived(), if pause <= MAX_SLEEP && on_their_way.len() < MAX_CONCURRENT => {}
                () = sleep(pause) => {}
            }
        }
        while on_their_way.join_next().await.is_some() {}
    }

    /// Starts attempts for due events, up to the limit of concurrent attempts. Returns how long to
    /// wait for the next one.
    async fn forward_due(&self, on_their_way: &mut JoinSet<()>) -> Result<Duration, StoreError> {
        let room = MAX_CONCURRENT - on_their_way.len().min(MAX_CONCURRENT);
        if room == 0 || self.live().forwarding.is_none() {
            return Ok(MAX_SLEEP);
        }
        let due = self.inbox().claim_forwards(u32::try_from(room).unwrap_or_default()).await?;
        if due.is_empty() {
            let next = self.inbox().next_forward_at().await?;
            let wait = next.map(|at| Duration::try_from(at.duration_since(self.clock().now())).unwrap_or_default());
            return Ok(wait.unwrap_or(MAX_SLEEP).clamp(MIN_SLEEP, MAX_SLEEP));
        }
        for event in due {
            let gateway = self.clone();
            on_their_way.spawn(async move { gateway.forward_one(&event).await });
        }
        Ok(Duration::ZERO)
    }

    /// Makes one attempt and records its result. If the result cannot be recorded, the lease
    /// expires and the attempt is repeated.
    async fn forward_one(&self, event: &ReceivedEvent) {
        let (outcome, problem) = match self.post(event).await {
            Ok(()) => (AttemptOutcome::Done, None),
            Err(problem) => (AttemptOutcome::after_failure(event.attempts, self.clock().now()), Some(problem)),
        };
        metrics::forward(&outcome);
        if let Some(problem) = &problem {
            let dead = outcome == AttemptOutcome::GaveUp;
            tracing::warn!(event.id = %event.event_id, event.kind = event.kind, attempt = event.attempts, dead,
                "could not forward event {}: {problem}", event.event_id);
        }
        if let Err(error) = self.inbox().record_forward_attempt(event, outcome, problem).await {
            tracing::error!(event.id = %event.event_id, error = %Causes(&error), "could not record the result of a forward attempt");
        }
    }

    async fn post(&self, event: &ReceivedEvent) -> Result<(), String> {
        let live = self.live();
        let Some(forwarding) = &live.forwarding else { return Err("no forward_to is configured".to_owned()) };
        let headers = headers(forwarding, event, self.clock().now());
        match live.http.post(&forwarding.url, headers, event.body.clone(), BOUNDS).await {
            Ok(HttpAnswer { status: 200..=299, .. }) | Err(HttpError::TooLarge { status: 200..=299 }) => Ok(()),
            Ok(answer) => Err(refused(&answer, &forwarding.url)),
            Err(HttpError::TooLarge { status }) => Err(format!("the app answered {status}")),
            Err(error) => Err(Causes(&error).to_string()),
        }
    }

    /// Deletes expired events in batches. After a batch it pauses for as long as the batch took, so
    /// that other work gets the store. An error is retried with the next batch.
    async fn delete_old_events(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let began = Instant::now();
            let removed = self.inbox().delete_expired().await.unwrap_or_else(|error| {
                tracing::warn!(error = %Causes(&error), "could not delete expired events");
                0
            });
            let pause = if removed > 0 { began.elapsed() } else { TIDY_EVERY };
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = sleep(pause) => {}
            }
        }
    }
}

fn refused(answer: &HttpAnswer, asked: &Url) -> String {
    let status = answer.status;
    match answer.redirect_target(asked) {
        Some(target) => {
            format!(
                "the app answered {status}, a redirect to {target}, which is not followed; set forward_to to the final address"
            )
        }
        None => format!("the app answered {status}"),
    }
}

/// Terra's headers, with a new signature by the secret that only the gateway and the app share.
fn headers(forwarding: &Forwarding, event: &ReceivedEvent, now: Timestamp) -> HeaderMap {
    let signature = sign(forwarding.secret.expose().as_bytes(), now.as_second(), &event.body);
    let trace_id = event.trace_id.clone().unwrap_or_else(|| event.event_id.to_string());
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set(SIGNATURE_HEADER, &signature);
    set(SIGNATURE_HEADER_NEW, &signature);
    set("x-terra-trace-id", &trace_id);
    set("terra-reference", event.reference.as_deref().unwrap_or(&trace_id));
    if let Some(ordering) = &event.ordering {
        set("x-terra-ordering-timestamp", ordering);
    }
    headers
}
