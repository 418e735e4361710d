//! Work that is owed to others: events to post, and grants to revoke.
//!
//! Work waits in queues: one for each environment (deliveries), one for each provider (revocations). A claim takes from each
//! queue no more than its [`Room`], so a slow receiver or provider holds up its own queue only.
//!
//! A delivery ends in one of three ways, all of them recorded in the store: the destination took it, its schedule is over,
//! or the claim read in the store that its environment has no destination.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{
    DevId, Provider,
    wire::{Event, TerraUser},
};
use tokio::sync::Notify;

use crate::{
    auth::Auth,
    delivery::{AttemptOutcome, Delivery, Destination},
    developer::Developer,
    receipt::RECEIPT_RETENTION,
    revocation::Revocation,
    store::{Expired, StoreError, Tx, Unit},
};

/// How long an attempt may take before another worker may try. The longest is a revocation: two calls with a refresh
/// between them, 10 s each, and as long a wait for the refresh's turn.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// How long a delivery that has ended is kept, to be looked at.
const DELIVERY_RETENTION: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long beyond its deadline the store remembers that a mobile token or a session was used. As long as the clocks of all
/// nodes agree within this span, and no clock jumps further, nothing can be used twice.
pub const SPENT_MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// How long a revocation that has ended is kept as a report.
const REVOCATION_RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How much a clock may go back without an attempt being taken for one of a clock that was ahead.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// Wakes the workers of this process when work arrives.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Notified of events.
    pub deliveries: Notify,
    /// Notified of grants to revoke.
    pub revocations: Notify,
}

impl Outbox {
    /// Says that there may be work of either kind.
    pub fn notify_one(&self) {
        self.deliveries.notify_one();
        self.revocations.notify_one();
    }
}

/// How much a claim may take: in all, and from each queue.
#[derive(Clone, Debug)]
pub struct Room<K> {
    /// In all.
    pub total: u32,
    /// From a queue that is not listed in `of`.
    pub each: u32,
    /// From these queues.
    pub of: HashMap<K, u32>,
}

impl<K: Eq + Hash> Room<K> {
    /// The same room in every queue.
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
    /// To be attempted now, each with its destination.
    pub due: Vec<(Delivery, Arc<Destination>)>,
    /// Ended by the claim: their environment has no destination.
    pub unsent: Vec<Delivery>,
    /// When the next one falls due of which nothing is claimed; `None` if none waits where there is room.
    pub next_at: Option<Timestamp>,
}

/// Revocations that a worker has claimed.
#[derive(Debug, Default)]
pub struct ClaimedRevocations {
    /// To be attempted now.
    pub due: Vec<Revocation>,
    /// As [`ClaimedDeliveries::next_at`].
    pub next_at: Option<Timestamp>,
}

impl Auth {
    /// Claims deliveries that are due, as far as there is room, and ends those of environments without a destination. No
    /// other worker receives a claimed delivery for the time of a lease.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_deliveries(&self, room: Room<DevId>) -> Result<ClaimedDeliveries, StoreError> {
        let (lots, next_at) = self.store.run(ClaimDeliveries { room, now: self.now() }).await?;
        let mut claimed = ClaimedDeliveries { next_at, ..ClaimedDeliveries::default() };
        for (deliveries, developer) in lots {
            let Some(url) = developer.destination.clone() else {
                claimed.unsent.extend(deliveries);
                continue;
            };
            let secrets = self.signing_secrets(&developer);
            let destination = Arc::new(Destination { dev_id: developer.dev_id, url, secrets });
            claimed.due.extend(deliveries.into_iter().map(|delivery| (delivery, Arc::clone(&destination))));
        }
        Ok(claimed)
    }

    /// Claims revocations that are due, as far as there is room.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_revocations(&self, room: Room<Provider>) -> Result<ClaimedRevocations, StoreError> {
        self.store.run(ClaimRevocations { room, now: self.now() }).await
    }

    /// When the next work falls due, leases included; `None` when none waits.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.read(NextDue).await
    }

    /// Makes due what a process that has ended had claimed. Where other processes may use the store, their leases end by
    /// themselves, and nothing is done.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn release_leases(&self) -> Result<u64, StoreError> {
        if self.store.is_exclusive() { self.store.run(ReleaseLeases { now: self.now() }).await } else { Ok(0) }
    }

    /// Makes due what was scheduled by a clock that was ahead of the present one; answers how much that was.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn reschedule_future_attempts(&self) -> Result<u64, StoreError> {
        let now = self.now();
        let latest = now.saturating_add(CLOCK_TOLERANCE).unwrap_or(Timestamp::MAX);
        self.store.run(RescheduleFuture { now, latest }).await
    }

    /// How many deliveries and revocations wait.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn waiting(&self) -> Result<(u64, u64), StoreError> {
        self.store.read(Waiting).await
    }

    /// The newest deliveries of a developer, newest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn deliveries(&self, dev_id: &DevId, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.store.read(ReadDeliveries { dev_id: dev_id.clone(), limit }).await
    }

    /// Records how an attempt to deliver ended.
    ///
    /// # Errors
    ///
    /// The store failed; the lease will end and the attempt be made again.
    pub async fn settle_delivery(&self, delivery: &Delivery, outcome: AttemptOutcome) -> Result<(), StoreError> {
        self.store.run(SettleDelivery { delivery: delivery.clone(), outcome, now: self.now() }).await
    }

    /// Forgets what nobody can ask for any more; answers how many rows went.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn forget_expired(&self) -> Result<u64, StoreError> {
        let ago = |span: SignedDuration| self.now().saturating_sub(span).unwrap_or(Timestamp::MIN).as_millisecond();
        let expired = Expired {
            spent_before_ms: ago(SPENT_MEMORY),
            sessions_before_ms: ago(SPENT_MEMORY),
            delivered_before_ms: ago(DELIVERY_RETENTION),
            receipts_before_ms: ago(RECEIPT_RETENTION),
            revoked_before_ms: ago(REVOCATION_RETENTION),
            limit: 1000,
        };
        self.store.run(ForgetExpired(expired)).await
    }
}

struct ClaimDeliveries {
    room: Room<DevId>,
    now: Timestamp,
}

/// The claimed deliveries of each environment, and when the next delivery falls due.
type DeliveryLots = (Vec<(Vec<Delivery>, Developer)>, Option<Timestamp>);

#[async_trait]
impl Unit for ClaimDeliveries {
    type Done = DeliveryLots;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<DeliveryLots, StoreError> {
        let mut room = self.room.clone();
        let (mut lots, mut next_at) = (Vec::new(), None);
        for (dev_id, due_at) in tx.delivery_queues().await? {
            let limit = room.in_queue(&dev_id);
            if limit > 0 && due_at > self.now {
                next_at = Some(earlier(next_at, due_at));
            } else if limit > 0 {
                let deliveries = tx.claim_deliveries(&dev_id, self.now, lease_until(self.now), limit).await?;
                room.total -= count(&deliveries);
                // Read after the claim: a destination that was set before one of them was added is seen here.
                let Some(developer) = tx.developer(&dev_id).await? else { continue };
                if developer.destination.is_none() {
                    for delivery in &deliveries {
                        tx.settle_delivery(delivery.delivery_id, &AttemptOutcome::Done).await?;
                    }
                }
                lots.push((deliveries, developer));
            }
        }
        Ok((lots, next_at))
    }
}

struct ClaimRevocations {
    room: Room<Provider>,
    now: Timestamp,
}

#[async_trait]
impl Unit for ClaimRevocations {
    type Done = ClaimedRevocations;
    type Refusal = StoreError;

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
    now.saturating_add(LEASE).unwrap_or(Timestamp::MAX)
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
    type Refusal = StoreError;

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
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        Ok(tx.reschedule_deliveries(self.now, self.latest).await?
            + tx.reschedule_revocations(self.now, self.latest).await?)
    }
}

struct NextDue;

#[async_trait]
impl Unit for NextDue {
    type Done = Option<Timestamp>;
    type Refusal = StoreError;

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
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(u64, u64), StoreError> {
        Ok((tx.waiting_deliveries().await?, tx.waiting_revocations().await?))
    }
}

struct ReadDeliveries {
    dev_id: DevId,
    limit: u32,
}

#[async_trait]
impl Unit for ReadDeliveries {
    type Done = Vec<Delivery>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Delivery>, StoreError> {
        tx.deliveries(&self.dev_id, self.limit).await
    }
}

struct SettleDelivery {
    delivery: Delivery,
    outcome: AttemptOutcome,
    now: Timestamp,
}

#[async_trait]
impl Unit for SettleDelivery {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.settle_delivery(self.delivery.delivery_id, &self.outcome).await?;
        let arrived = self.outcome == AttemptOutcome::Done;
        match user_of(&self.delivery).filter(|_| arrived) {
            Some(user) => tx.touch_connection(&self.delivery.dev_id, user.user_id, self.now).await,
            None => Ok(()),
        }
    }
}

/// The connection that a delivery is about, if it is about one.
fn user_of(delivery: &Delivery) -> Option<TerraUser> {
    match serde_json::from_str(&delivery.payload).ok()? {
        Event::Auth(event) => Some(event.user),
        Event::UserReauth(event) => Some(event.new_user),
        _ => None,
    }
}

struct ForgetExpired(Expired);

#[async_trait]
impl Unit for ForgetExpired {
    type Done = u64;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        tx.forget_expired(&self.0).await
    }
}
