//! Events for apps: an event is stored together with the change that it reports, and posted afterwards.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{
    DestinationId, DevId, EventId, ReferenceId, UserId,
    wire::admin::{AdminDelivery, DeliveryState},
};

use crate::{
    destination::Destination, event::EventRecord, keys::sealed::UnsealError, signing_secret::SigningSecrets,
    store_error::StoreError,
};

/// The maximum number of attempts: the first one and ten retries.
pub const MAX_ATTEMPTS: u32 = 11;

/// One event for one destination, until it is delivered or given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event_id: EventId,
    /// The destination.
    pub destination_id: DestinationId,
    /// The environment.
    pub dev_id: DevId,
    /// The event's `type`.
    pub kind: String,
    /// The body, byte for byte as it is signed.
    pub payload: String,
    /// When the change happened.
    pub created_at: Timestamp,
    /// The number of attempts.
    pub attempts: u32,
    /// When the next attempt is due.
    pub next_attempt_at: Timestamp,
}

/// How long an event waits for the event that it follows, if that is not delivered.
pub const PREDECESSOR_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

impl Delivery {
    /// Creates a delivery that is due now.
    #[must_use]
    pub fn new(event: &EventRecord, destination_id: DestinationId, now: Timestamp) -> Self {
        Self {
            event_id: event.event_id,
            destination_id,
            dev_id: event.dev_id.clone(),
            kind: event.kind.clone(),
            payload: event.payload.clone(),
            created_at: event.created_at,
            attempts: 0,
            next_attempt_at: now,
        }
    }
}

/// A destination and its signing secrets, as stored when a delivery was claimed.
#[derive(Clone, Debug)]
pub struct ClaimedDestination {
    /// The destination.
    pub destination: Destination,
    /// The signing secrets, or why they cannot be read.
    pub secrets: Result<SigningSecrets, UnsealError>,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The app accepted the event; the delivery is finished.
    Done,
    /// The attempt failed; the next one is due at this instant.
    RetryAt(Timestamp),
    /// The attempt failed and was the last one.
    GaveUp,
}

impl AttemptOutcome {
    /// The result of a failed attempt: retries wait 30 s, then twice as long each time, at most 8 h.
    ///
    /// `attempts` includes the failed one.
    ///
    /// Source: the published retry schedule, `docs/compatibility.md`.
    #[must_use]
    pub fn after_failure(attempts: u32, now: Timestamp) -> Self {
        if attempts >= MAX_ATTEMPTS {
            return Self::GaveUp;
        }
        Self::RetryAt(now.saturating_add(backoff_after(attempts)).unwrap_or(Timestamp::MAX))
    }
}

/// The delay after a number of failed attempts: 30 s, then twice as long each time, at most 8 h.
#[must_use]
pub fn backoff_after(attempts: u32) -> SignedDuration {
    SignedDuration::from_secs(30_i64.saturating_mul(1 << attempts.saturating_sub(1).min(20)).min(8 * 3600))
}

/// The measurements of one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptReport {
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// Why the attempt failed.
    pub error: Option<String>,
    /// The first KiB of the response body, as text.
    pub response: Option<String>,
    /// The duration of each phase.
    pub timing: AttemptTiming,
}

/// The duration of an attempt and of its phases, in milliseconds. A phase is `None` if the attempt did not reach it, or
/// reused a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptTiming {
    /// The resolution of the host name.
    pub dns_ms: Option<u32>,
    /// The TCP connection.
    pub connect_ms: Option<u32>,
    /// The TLS handshake.
    pub tls_ms: Option<u32>,
    /// From the sent request to the head of the response.
    pub first_byte_ms: Option<u32>,
    /// The complete attempt.
    pub total_ms: u32,
}

/// A stored attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// The event.
    pub event_id: EventId,
    /// The destination.
    pub destination_id: DestinationId,
    /// The number of the attempt, from 1.
    pub number: u32,
    /// When it ended.
    pub attempted_at: Timestamp,
    /// The measurements.
    pub report: AttemptReport,
}

/// Selects deliveries of one environment, newest event first.
#[derive(Clone, Debug)]
pub struct DeliveryFilter {
    /// The environment.
    pub dev_id: DevId,
    /// The smallest event id.
    pub first: EventId,
    /// Deliveries before this one in the list.
    pub before: (EventId, DestinationId),
    /// Deliveries to this destination.
    pub destination_id: Option<DestinationId>,
    /// Events of this type.
    pub kind: Option<String>,
    /// Deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Events about this user.
    pub user_id: Option<UserId>,
    /// Events about this end user.
    pub reference_id: Option<ReferenceId>,
    /// The maximum number of deliveries.
    pub limit: u32,
}

/// The verbs for deliveries. A delivery is one row until it is finished.
#[async_trait]
pub trait Deliveries: Send {
    /// Adds a delivery of a stored event.
    async fn add_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Adds a delivery that is due when the delivery of another event to the same destination is finished, or at its own
    /// instant if that is earlier.
    async fn add_delivery_after(&mut self, delivery: &Delivery, before: EventId) -> Result<(), StoreError>;

    /// The enabled destinations with waiting deliveries, the longest due first, each with the instant at which its first one is
    /// due. A leased delivery is due when its lease ends.
    async fn delivery_queues(&mut self) -> Result<Vec<(DestinationId, Timestamp)>, StoreError>;

    /// Claims up to `limit` due deliveries to a destination, the longest due first, and leases them until `lease_until`. The
    /// attempt is counted here, so an interrupted attempt counts too.
    async fn claim_deliveries(
        &mut self,
        destination_id: DestinationId,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Makes every leased delivery due now. Returns the number of deliveries. For the start of the only process of a store,
    /// where no other worker can have a lease.
    async fn release_deliveries(&mut self, now: Timestamp) -> Result<u64, StoreError>;

    /// Makes every waiting delivery due now whose last attempt is in the future: a clock that was ahead has scheduled it.
    /// Returns the number of deliveries.
    async fn reschedule_deliveries(&mut self, now: Timestamp, attempted_after: Timestamp) -> Result<u64, StoreError>;

    /// Records the result of an attempt. Returns whether the delivery was waiting: a finished delivery does not change.
    /// Deliveries that follow a finished one become due.
    async fn record_delivery_attempt(
        &mut self,
        event_id: EventId,
        destination_id: DestinationId,
        outcome: &AttemptOutcome,
    ) -> Result<bool, StoreError>;

    /// The deliveries that match a filter, newest event first.
    async fn list_deliveries(&mut self, filter: &DeliveryFilter) -> Result<Vec<AdminDelivery>, StoreError>;

    /// The deliveries of one event.
    async fn deliveries_of_event(&mut self, event_id: EventId) -> Result<Vec<AdminDelivery>, StoreError>;

    /// Adds a delivery of a stored event, or makes an existing one due again from its first attempt.
    async fn replay_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Adds the measurements of an attempt. An attempt that was recorded before is not changed.
    async fn add_delivery_attempt(&mut self, attempt: &DeliveryAttempt) -> Result<(), StoreError>;

    /// The attempts to deliver an event, oldest first.
    async fn delivery_attempts(&mut self, event_id: EventId) -> Result<Vec<DeliveryAttempt>, StoreError>;

    /// The number of waiting deliveries.
    async fn waiting_deliveries(&mut self) -> Result<u64, StoreError>;

    /// The number of waiting deliveries of one developer.
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
