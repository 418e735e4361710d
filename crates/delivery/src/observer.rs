//! Observers of delivery attempts.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use terra_auth_egress::Forbidden;
use terra_auth_model::{
    causes::Causes,
    delivery::{AttemptOutcome, Delivery},
    keys::UnsealError,
};
use terra_auth_types::DevId;
use tracing::Level;

/// Called after the result of each attempt was recorded.
pub trait Observer: Send + Sync + 'static {
    /// An attempt has ended. The worker waits until this returns.
    fn attempted(&self, attempt: &Attempt<'_>);
}

/// One attempt to deliver an event.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The delivery; its payload contains personal data.
    pub delivery: &'a Delivery,
    /// The result.
    pub result: &'a DeliveryResult,
    /// The duration of the call.
    pub took: Duration,
}

/// The result of an attempt.
#[derive(Debug)]
pub enum DeliveryResult {
    /// The destination accepted the event.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// The attempt failed.
    Failed {
        /// The reason.
        reason: DeliveryError,
        /// When the next attempt is due.
        retry_at: Timestamp,
    },
    /// The last attempt failed.
    GaveUp {
        /// The reason.
        reason: DeliveryError,
    },
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The status is not 2xx. Redirects are not followed.
    #[error("the destination returned {0}")]
    Status(u16),
    /// There was no response in time.
    #[error("the destination did not respond in time")]
    Timeout,
    /// Calls to the destination are not allowed.
    #[error("calls to the destination are not allowed")]
    Forbidden(#[source] Forbidden),
    /// No connection could be established, or it was lost.
    #[error("could not reach the destination")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The signing secret cannot be decrypted.
    #[error("could not sign the event")]
    Unsigned(#[source] UnsealError),
}

impl DeliveryResult {
    /// The result of a failure after this many attempts.
    pub(crate) fn failed(reason: DeliveryError, attempts: u32, now: Timestamp) -> Self {
        match AttemptOutcome::after_failure(attempts, now) {
            AttemptOutcome::RetryAt(retry_at) => Self::Failed { reason, retry_at },
            AttemptOutcome::GaveUp | AttemptOutcome::Done => Self::GaveUp { reason },
        }
    }

    /// Why the attempt failed.
    pub(crate) fn error(&self) -> Option<&DeliveryError> {
        match self {
            Self::Delivered { .. } => None,
            Self::Failed { reason, .. } | Self::GaveUp { reason } => Some(reason),
        }
    }

    /// The result to record.
    pub(crate) fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Delivered { .. } => AttemptOutcome::Done,
            Self::Failed { retry_at, .. } => AttemptOutcome::RetryAt(*retry_at),
            Self::GaveUp { .. } => AttemptOutcome::GaveUp,
        }
    }
}

/// How often failures of one environment are logged.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Logs attempts: successes at `debug`, and failures of an environment once in ten seconds with a count. It never logs the
/// payload, which is personal data, or the destination, which can contain a secret.
#[derive(Debug, Default)]
pub struct Log(Mutex<HashMap<(DevId, Level), Throttle>>);

#[derive(Debug)]
struct Throttle {
    logged_at: Instant,
    left_out: u64,
}

impl Log {
    /// Returns the number of failures left out since the last line; `None` if this one is left out too.
    fn dropped_log_lines(&self, dev_id: &DevId, level: Level) -> Option<u64> {
        let mut throttles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        throttles.retain(|_, throttle| throttle.left_out > 0 || throttle.logged_at.elapsed() < LOG_EVERY);
        let Some(throttle) = throttles.get_mut(&(dev_id.clone(), level)) else {
            throttles.insert((dev_id.clone(), level), Throttle { logged_at: Instant::now(), left_out: 0 });
            return Some(0);
        };
        if throttle.logged_at.elapsed() < LOG_EVERY {
            throttle.left_out += 1;
            return None;
        }
        throttle.logged_at = Instant::now();
        Some(std::mem::take(&mut throttle.left_out))
    }
}

impl Observer for Log {
    fn attempted(&self, Attempt { delivery, result, .. }: &Attempt<'_>) {
        let (id, kind, attempt) = (delivery.event_id, delivery.kind.as_str(), delivery.attempts);
        let dev_id = &delivery.dev_id;
        match result {
            DeliveryResult::Delivered { status } => {
                tracing::debug!(event.id = %id, %dev_id, kind, attempt, status, "delivered {kind} event {id}");
            }
            DeliveryResult::Failed { reason, retry_at } => {
                let Some(left_out) = self.dropped_log_lines(dev_id, Level::WARN) else { return };
                tracing::warn!(event.id = %id, %dev_id, kind, attempt, left_out, error = %Causes(reason), %retry_at,
                    "could not deliver {kind} event {id}; next attempt at {retry_at}");
            }
            DeliveryResult::GaveUp { reason } => {
                let Some(left_out) = self.dropped_log_lines(dev_id, Level::ERROR) else { return };
                tracing::error!(event.id = %id, %dev_id, kind, attempt, left_out, error = %Causes(reason),
                    "gave up delivering {kind} event {id} after {attempt} attempts");
            }
        }
    }
}
