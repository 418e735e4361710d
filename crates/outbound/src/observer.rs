//! Who is told about every attempt to deliver.

use std::error::Error;

use jiff::Timestamp;
use terra_auth_core::{
    causes::Causes,
    delivery::{AttemptOutcome, Delivery},
    seal::SealBroken,
};

use crate::guard::Forbidden;

/// Is told about every attempt, after its outcome was recorded.
pub trait Observer: Send + Sync + 'static {
    /// An attempt has ended. Others wait for this to return.
    fn attempted(&self, attempt: &Attempt<'_>);
}

/// One attempt to deliver an event.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// What was to be delivered; its payload holds personal data.
    pub delivery: &'a Delivery,
    /// How it ended.
    pub ending: &'a Ending,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Ending {
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
        reason: Failure,
        /// When the next attempt is made.
        retry_at: Timestamp,
    },
    /// It did not arrive, and that was the last attempt.
    GaveUp {
        /// Why not.
        reason: Failure,
    },
}

/// Why an event did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
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
    Unsigned(#[source] SealBroken),
    /// No such environment is known here; another node may know it.
    #[error("the environment is unknown")]
    UnknownEnvironment,
}

impl Ending {
    /// What follows from a failure after this many attempts.
    pub(crate) fn failed(reason: Failure, attempts: u32, now: Timestamp) -> Self {
        match AttemptOutcome::after_failure(attempts, now) {
            AttemptOutcome::RetryAt(retry_at) => Self::Failed { reason, retry_at },
            AttemptOutcome::GaveUp | AttemptOutcome::Done => Self::GaveUp { reason },
        }
    }

    /// What is recorded.
    pub(crate) fn outcome(&self) -> AttemptOutcome {
        match self {
            Self::Unsent | Self::Delivered { .. } => AttemptOutcome::Done,
            Self::Failed { retry_at, .. } => AttemptOutcome::RetryAt(*retry_at),
            Self::GaveUp { .. } => AttemptOutcome::GaveUp,
        }
    }
}

/// Writes each attempt to the log: never the payload, which is personal, nor the destination, which may hold a secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Observer for Log {
    fn attempted(&self, Attempt { delivery, ending }: &Attempt<'_>) {
        let (id, kind, attempt) = (delivery.delivery_id, delivery.kind.as_str(), delivery.attempts);
        let dev_id = &delivery.dev_id;
        match ending {
            Ending::Unsent => {
                tracing::debug!(delivery.id = %id, %dev_id, kind, "kept {kind} event {id}: there is no destination");
            }
            Ending::Delivered { status } => {
                tracing::info!(delivery.id = %id, %dev_id, kind, attempt, status, "delivered {kind} event {id}");
            }
            Ending::Failed { reason, retry_at } => {
                tracing::warn!(delivery.id = %id, %dev_id, kind, attempt, error = %Causes(reason), %retry_at,
                    "could not deliver {kind} event {id}, trying again at {retry_at}");
            }
            Ending::GaveUp { reason } => {
                tracing::error!(delivery.id = %id, %dev_id, kind, attempt, error = %Causes(reason),
                    "gave up delivering {kind} event {id} after {attempt} attempts");
            }
        }
    }
}
