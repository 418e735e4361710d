//! An event on its way to an app: written with the change it reports, posted afterwards.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{DeliveryId, DevId, wire::Event};
use url::Url;

use crate::{seal::SealBroken, signing_secret::SigningSecrets, store::StoreError};

/// Attempts in all: the first one and ten retries.
pub const MAX_ATTEMPTS: u32 = 11;

/// One event for one developer, the same over all its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The `X-Terra-Trace-Id` to deduplicate on.
    pub delivery_id: DeliveryId,
    /// Whose event it is.
    pub dev_id: DevId,
    /// The event's `type`.
    pub kind: String,
    /// The body, byte for byte as it is signed.
    pub payload: String,
    /// When the change happened.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try next.
    pub next_attempt_at: Timestamp,
}

/// How long an event waits for the one before it, if that does not arrive.
pub(crate) const PREDECESSOR_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

impl Delivery {
    /// Makes a delivery, due at once.
    #[must_use]
    pub fn new(delivery_id: DeliveryId, dev_id: &DevId, event: &Event, now: Timestamp) -> Self {
        Self {
            delivery_id,
            dev_id: dev_id.clone(),
            kind: event.kind().to_owned(),
            payload: serde_json::json!(event).to_string(),
            created_at: now,
            attempts: 0,
            next_attempt_at: now,
        }
    }
}

/// Where the events of an environment are posted, as the store had it when the delivery was claimed.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The environment.
    pub dev_id: DevId,
    /// Where to post.
    pub url: Url,
    /// The secrets that sign, or why they cannot be read.
    pub secrets: Result<SigningSecrets, SealBroken>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// It arrived: the delivery is over.
    Done,
    /// It did not; try again at this instant.
    RetryAt(Timestamp),
    /// It did not, and nothing more will be tried.
    GaveUp,
}

impl AttemptOutcome {
    /// What follows from a failed attempt: retries wait 30 s, then twice as long each time, at most 8 h.
    ///
    /// `attempts` counts the one that just failed.
    ///
    /// Source: the published retry schedule, `docs/compatibility.md`.
    #[must_use]
    pub fn after_failure(attempts: u32, now: Timestamp) -> Self {
        if attempts >= MAX_ATTEMPTS {
            return Self::GaveUp;
        }
        Self::RetryAt(now.saturating_add(wait_after(attempts)).unwrap_or(Timestamp::MAX))
    }
}

/// How long to wait after so many attempts that failed: 30 s, then twice as long each time, at most 8 h.
pub(crate) fn wait_after(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs(30_i64.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(8 * 3600))
}

/// A signed body on its way costs one row until it has arrived.
#[async_trait]
pub trait Deliveries: Send {
    /// Adds a delivery.
    async fn add_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Adds a delivery that falls due when the one before it has ended, at its own instant at the latest.
    async fn add_delivery_after(&mut self, delivery: &Delivery, before: DeliveryId) -> Result<(), StoreError>;

    /// The environments that have deliveries waiting, the longest due first, each with the instant at which its first one
    /// falls due. Leases count.
    async fn delivery_queues(&mut self) -> Result<Vec<(DevId, Timestamp)>, StoreError>;

    /// Takes up to `limit` deliveries of an environment that are due, the longest due first, and hides them from other
    /// workers until `lease_until`. The attempt is counted here, so an attempt that is cut off counts too.
    async fn claim_deliveries(
        &mut self,
        dev_id: &DevId,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Makes every delivery that is leased due at once; answers how many there were. For the only process of a store,
    /// when it starts: no other worker can be at work on them.
    async fn release_deliveries(&mut self, now: Timestamp) -> Result<u64, StoreError>;

    /// Makes every waiting delivery due at once that was attempted after an instant which is still to come: a clock that
    /// was ahead has scheduled it. Answers how many there were.
    async fn reschedule_deliveries(&mut self, now: Timestamp, attempted_after: Timestamp) -> Result<u64, StoreError>;

    /// Records how an attempt ended. One that already ended stays as it is. What follows a delivery that has ended is due.
    async fn settle_delivery(&mut self, delivery_id: DeliveryId, outcome: &AttemptOutcome) -> Result<(), StoreError>;

    /// How many deliveries wait.
    async fn waiting_deliveries(&mut self) -> Result<u64, StoreError>;

    /// How many deliveries of one developer wait.
    async fn waiting_deliveries_of(&mut self, dev_id: &DevId) -> Result<u64, StoreError>;

    /// The newest deliveries of a developer, newest first.
    async fn deliveries(&mut self, dev_id: &DevId, limit: u32) -> Result<Vec<Delivery>, StoreError>;
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{AttemptOutcome, MAX_ATTEMPTS};

    #[test]
    fn retries_double_from_half_a_minute_to_eight_hours() {
        let waits: Vec<_> = (1..MAX_ATTEMPTS)
            .map(|attempts| match AttemptOutcome::after_failure(attempts, Timestamp::UNIX_EPOCH) {
                AttemptOutcome::RetryAt(at) => at.as_second(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360]);
        assert_eq!(AttemptOutcome::after_failure(MAX_ATTEMPTS, Timestamp::UNIX_EPOCH), AttemptOutcome::GaveUp);
    }
}
