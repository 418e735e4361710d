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
    /// An attempt has ended. Others wait for this to return.
    fn attempted(&self, attempt: &Attempt<'_>);
}

/// One attempt to deliver an event.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The delivery; its payload contains personal data.
    pub delivery: &'a Delivery,
    /// How it ended.
    pub result: &'a DeliveryResult,
    /// How long the call took; zero if there was none.
    pub took: Duration,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum DeliveryResult {
    /// The environment has no destination: the event is kept, and the delivery is over.
    Unsent,
    /// It arrived.
    Delivered {
        /// 200 to 299.
        status: u16,
    },
    /// It did not arrive.
    Failed {
        /// Why not.
        reason: DeliveryError,
        /// When the next attempt is made.
        retry_at: Timestamp,
    },
    /// It did not arrive, and that was the last attempt.
    GaveUp {
        /// Why not.
        reason: DeliveryError,
    },
}

/// Why an event did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The destination answered something else than 2xx; redirects are not followed.
    #[error("the destination answered {0}")]
    Status(u16),
    /// No answer came in time.
    #[error("the destination did not answer in time")]
    Timeout,
    /// The destination may not be called.
    #[error("the destination may not be called")]
    Forbidden(#[source] Forbidden),
    /// No connection could be made, or it broke.
    #[error("the destination cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The environment's signing secret does not open.
    #[error("the event cannot be signed")]
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

    /// The result to record.
    pub(crate) fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Unsent | Self::Delivered { .. } => AttemptOutcome::Done,
            Self::Failed { retry_at, .. } => AttemptOutcome::RetryAt(*retry_at),
            Self::GaveUp { .. } => AttemptOutcome::GaveUp,
        }
    }
}

/// How often failures of one environment are written to the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Logs attempts: deliveries at `debug`, failures of an environment once in ten seconds with a count. It never logs the
/// payload, which is personal, or the destination, which can contain a secret.
#[derive(Debug, Default)]
pub struct Log(Mutex<HashMap<(DevId, Level), Throttle>>);

#[derive(Debug)]
struct Throttle {
    logged_at: Instant,
    left_out: u64,
}

impl Log {
    /// How many failures were left out since the last line; `None` if this one is left out, too.
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
        let (id, kind, attempt) = (delivery.delivery_id, delivery.kind.as_str(), delivery.attempts);
        let dev_id = &delivery.dev_id;
        match result {
            DeliveryResult::Unsent => {
                tracing::debug!(delivery.id = %id, %dev_id, kind, "kept {kind} event {id}: there is no destination");
            }
            DeliveryResult::Delivered { status } => {
                tracing::debug!(delivery.id = %id, %dev_id, kind, attempt, status, "delivered {kind} event {id}");
            }
            DeliveryResult::Failed { reason, retry_at } => {
                let Some(left_out) = self.dropped_log_lines(dev_id, Level::WARN) else { return };
                tracing::warn!(delivery.id = %id, %dev_id, kind, attempt, left_out, error = %Causes(reason), %retry_at,
                    "could not deliver {kind} event {id}, trying again at {retry_at}");
            }
            DeliveryResult::GaveUp { reason } => {
                let Some(left_out) = self.dropped_log_lines(dev_id, Level::ERROR) else { return };
                tracing::error!(delivery.id = %id, %dev_id, kind, attempt, left_out, error = %Causes(reason),
                    "gave up delivering {kind} event {id} after {attempt} attempts");
            }
        }
    }
}
