//! Outgoing work: events to deliver, and grants to revoke.
//!
//! Deliveries have one queue per destination, revocations one per provider. A claim takes no more from a queue
//! than its [`QueueCapacity`] allows, so a slow receiver or provider delays only its own queue.
//!
//! A delivery ends in one of two ways, each recorded in the store: the destination accepted it, or its retry
//! schedule is over. Each attempt is recorded with its measurements.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    delivery::{AttemptOutcome, AttemptReport, ClaimedDestination, Delivery, DeliveryAttempt},
    destination::Destination,
    developer::Developer,
    housekeeping::Retention,
    receipt::RECEIPT_RETENTION,
    revocation::Revocation,
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{
    DestinationId, Provider,
    wire::{Event, TerraUser},
};

use crate::auth::Auth;

/// How long an attempt may take before another worker may try. The longest attempt is a revocation: two calls
/// and a refresh between them, 10 s each, and a wait of 10 s for the refresh's permit.
pub const ATTEMPT_LEASE_TTL: SignedDuration = SignedDuration::from_secs(60);
/// How long an event and its finished deliveries are retained for inspection.
const EVENT_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long the store remembers a spent mobile token or a used session after its expiry. Nothing can be used
/// twice as long as the clocks of all nodes differ by less than this, and no clock jumps further.
pub const SPENT_RETENTION: SignedDuration = SignedDuration::from_hours(24);
/// How long a finished revocation is retained as a report.
const REVOCATION_RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The maximum number of rows of each kind that one call deletes.
const HOUSEKEEPING_BATCH_SIZE: u32 = 1000;
/// How far a clock may go back before scheduled attempts are assumed to come from a clock that was ahead.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// The maximum size of a claim: in total, and for each queue.
#[derive(Clone, Debug)]
pub struct QueueCapacity<K> {
    /// The total limit.
    pub total: u32,
    /// The limit for a queue that is not listed in `of`.
    pub each: u32,
    /// The limits for these queues.
    pub of: HashMap<K, u32>,
}

impl<K: Eq + Hash> QueueCapacity<K> {
    /// Creates the same limit for every queue.
    #[must_use]
    pub fn even(total: u32, each: u32) -> Self {
        Self { total, each, of: HashMap::new() }
    }

    fn in_queue(&self, queue: &K) -> u32 {
        self.of.get(queue).copied().unwrap_or(self.each).min(self.total)
    }
}

/// Deliveries that a worker has claimed.
#[derive(Debug, Default)]
pub struct ClaimedDeliveries {
    /// Deliveries to attempt now, each with its destination.
    pub due: Vec<(Delivery, Arc<ClaimedDestination>)>,
    /// When the next unclaimed delivery is due; `None` if none waits in a queue with capacity.
    pub next_at: Option<Timestamp>,
}

/// Revocations that a worker has claimed.
#[derive(Debug, Default)]
pub struct ClaimedRevocations {
    /// Revocations to attempt now.
    pub due: Vec<Revocation>,
    /// As [`ClaimedDeliveries::next_at`].
    pub next_at: Option<Timestamp>,
}

impl Auth {
    /// Claims due deliveries within the capacity. No other worker gets a claimed delivery until the lease ends.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_deliveries(&self, room: QueueCapacity<DestinationId>) -> Result<ClaimedDeliveries, StoreError> {
        let (lots, next_at) = self.store().run(ClaimDeliveries { room, now: self.now() }).await?;
        let mut claimed = ClaimedDeliveries { next_at, ..ClaimedDeliveries::default() };
        for (deliveries, destination, developer) in lots {
            let secrets = self.signing_secrets(&developer);
            let destination = Arc::new(ClaimedDestination { destination, secrets });
            claimed.due.extend(deliveries.into_iter().map(|delivery| (delivery, Arc::clone(&destination))));
        }
        Ok(claimed)
    }

    /// Claims due revocations within the capacity.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_revocations(&self, room: QueueCapacity<Provider>) -> Result<ClaimedRevocations, StoreError> {
        self.store().run(ClaimRevocations { room, now: self.now() }).await
    }

    /// Returns when the next work is due, taking leases into account; `None` if none waits.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store().read(NextDue).await
    }

    /// Makes the claims of an earlier process due again. Does nothing if other processes may use the store:
    /// their leases expire.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn release_leases(&self) -> Result<u64, StoreError> {
        if self.store().is_exclusive() { self.store().run(ReleaseLeases { now: self.now() }).await } else { Ok(0) }
    }

    /// Makes attempts due that a clock which was ahead has scheduled; returns how many.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn reschedule_future_attempts(&self) -> Result<u64, StoreError> {
        let now = self.now();
        let latest = now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX);
        self.store().run(RescheduleFuture { now, latest }).await
    }

    /// Returns the numbers of waiting deliveries and revocations.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn waiting(&self) -> Result<(u64, u64), StoreError> {
        self.store().read(Waiting).await
    }

    /// Records the result of a delivery attempt.
    ///
    /// # Errors
    ///
    /// The store failed; the lease will expire, and the attempt will be repeated.
    pub async fn record_delivery_attempt(
        &self,
        delivery: &Delivery,
        outcome: AttemptOutcome,
        report: AttemptReport,
    ) -> Result<(), StoreError> {
        let (delivery, now) = (delivery.clone(), self.now());
        self.store().run(RecordDeliveryAttempt { delivery, outcome, report, now }).await
    }

    /// Deletes rows that are past their retention, at most 1000 of each kind; returns how many.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn delete_expired(&self) -> Result<u64, StoreError> {
        let ago = |span: SignedDuration| self.now().saturating_sub(span).unwrap_or(Timestamp::MIN).as_millisecond();
        let expired = Retention {
            spent_before_ms: ago(SPENT_RETENTION),
            sessions_before_ms: ago(SPENT_RETENTION),
            delivered_before_ms: ago(EVENT_RETENTION),
            receipts_before_ms: ago(RECEIPT_RETENTION),
            revoked_before_ms: ago(REVOCATION_RETENTION),
            limit: HOUSEKEEPING_BATCH_SIZE,
        };
        self.store().run(DeleteExpired { retention: expired }).await
    }
}

struct ClaimDeliveries {
    room: QueueCapacity<DestinationId>,
    now: Timestamp,
}

/// The claimed deliveries to each destination, and when the next delivery is due.
type DeliveryBatches = (Vec<(Vec<Delivery>, Destination, Developer)>, Option<Timestamp>);

#[async_trait]
impl Unit for ClaimDeliveries {
    type Done = DeliveryBatches;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<DeliveryBatches, StoreError> {
        let mut room = self.room.clone();
        let (mut lots, mut next_at) = (Vec::new(), None);
        for (destination_id, due_at) in tx.delivery_queues().await? {
            let limit = room.in_queue(&destination_id);
            if limit > 0 && due_at > self.now {
                next_at = Some(earlier(next_at, due_at));
            } else if limit > 0 {
                let deliveries = tx.claim_deliveries(destination_id, self.now, lease_until(self.now), limit).await?;
                room.total -= count(&deliveries);
                // Read after the claim, so that the URL is at least as new as the deliveries.
                let Some(destination) = tx.destination(destination_id).await? else { continue };
                let Some(developer) = tx.developer(&destination.dev_id).await? else { continue };
                lots.push((deliveries, destination, developer));
            }
        }
        Ok((lots, next_at))
    }
}

struct ClaimRevocations {
    room: QueueCapacity<Provider>,
    now: Timestamp,
}

#[async_trait]
impl Unit for ClaimRevocations {
    type Done = ClaimedRevocations;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ClaimedRevocations, StoreError> {
        let mut room = self.room.clone();
        let mut claimed = ClaimedRevocations::default();
        for (provider, due_at) in tx.revocation_queues().await? {
            let limit = room.in_queue(&provider);
            if limit > 0 && due_at > self.now {
                claimed.next_at = Some(earlier(claimed.next_at, due_at));
            } else if limit > 0 {
                let due = tx.claim_revocations(&provider, self.now, lease_until(self.now), limit).await?;
                room.total -= count(&due);
                claimed.due.extend(due);
            }
        }
        Ok(claimed)
    }
}

fn lease_until(now: Timestamp) -> Timestamp {
    now.saturating_add(ATTEMPT_LEASE_TTL).unwrap_or(Timestamp::MAX)
}

fn earlier(known: Option<Timestamp>, at: Timestamp) -> Timestamp {
    known.map_or(at, |known| known.min(at))
}

fn count<T>(claimed: &[T]) -> u32 {
    u32::try_from(claimed.len()).unwrap_or(u32::MAX)
}

struct ReleaseLeases {
    now: Timestamp,
}

#[async_trait]
impl Unit for ReleaseLeases {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        Ok(tx.release_deliveries(self.now).await? + tx.release_revocations(self.now).await?)
    }
}

struct RescheduleFuture {
    now: Timestamp,
    latest: Timestamp,
}

#[async_trait]
impl Unit for RescheduleFuture {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        Ok(tx.reschedule_deliveries(self.now, self.latest).await?
            + tx.reschedule_revocations(self.now, self.latest).await?)
    }
}

struct NextDue;

#[async_trait]
impl Unit for NextDue {
    type Done = Option<Timestamp>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
        let delivery = tx.delivery_queues().await?.first().map(|(_, due_at)| *due_at);
        let revocation = tx.revocation_queues().await?.first().map(|(_, due_at)| *due_at);
        Ok(delivery.into_iter().chain(revocation).min())
    }
}

struct Waiting;

#[async_trait]
impl Unit for Waiting {
    type Done = (u64, u64);
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(u64, u64), StoreError> {
        Ok((tx.waiting_deliveries().await?, tx.waiting_revocations().await?))
    }
}

struct RecordDeliveryAttempt {
    delivery: Delivery,
    outcome: AttemptOutcome,
    report: AttemptReport,
    now: Timestamp,
}

#[async_trait]
impl Unit for RecordDeliveryAttempt {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let Delivery { event_id, destination_id, attempts, .. } = self.delivery;
        // The destination may have been deleted during the attempt.
        if tx.record_delivery_attempt(event_id, destination_id, &self.outcome).await? {
            tx.add_delivery_attempt(&DeliveryAttempt {
                event_id,
                destination_id,
                number: attempts,
                attempted_at: self.now,
                report: self.report.clone(),
            })
            .await?;
        }
        let arrived = self.outcome == AttemptOutcome::Done;
        match user_of(&self.delivery).filter(|_| arrived) {
            Some(user) => tx.touch_connection(&self.delivery.dev_id, user.user_id, self.now).await,
            None => Ok(()),
        }
    }
}

/// The user that a delivery is about, if there is one.
fn user_of(delivery: &Delivery) -> Option<TerraUser> {
    match serde_json::from_str(&delivery.payload).ok()? {
        Event::Auth(event) => Some(event.user),
        Event::UserReauth(event) => Some(event.new_user),
        _ => None,
    }
}

unit!(DeleteExpired(retention: Retention) -> u64 = |tx| tx.delete_expired(retention));
