//! What the world must be told: taken from the store in small lots, and settled one by one.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{
    DevId,
    wire::{Event, TerraUser},
};

use crate::{
    auth::Auth,
    delivery::{AttemptOutcome, Delivery},
    developer::Developer,
    revocation::Revocation,
    store::{Expired, StoreError, Tx, Unit},
};

/// How long an attempt may take before somebody else may try. The longest is a revocation: two calls with a refresh between
/// them, 10 s each, and as long a wait for the refresh's turn.
pub const LEASE: SignedDuration = SignedDuration::from_secs(60);

/// How many of a kind are taken at once.
pub const LOT: u32 = 32;

/// How long a delivery that has ended is kept, to be looked at.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long it can be asked what became of a revocation.
const REPORTED: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Work that is due.
#[derive(Debug, Default)]
pub struct Due {
    /// Events to post.
    pub deliveries: Vec<Delivery>,
    /// Grants to revoke.
    pub revocations: Vec<Revocation>,
}

impl Due {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty() && self.revocations.is_empty()
    }
}

impl Auth {
    /// Takes what is due; nobody else receives it for the time of a lease.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_due(&self) -> Result<Due, StoreError> {
        self.store.run(ClaimDue { now: self.now() }).await
    }

    /// When the next work falls due; `None` when none waits.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.store.read(NextDue).await
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
        let has_destination = |developer: Arc<Developer>| developer.destination.is_some();
        let told =
            outcome == AttemptOutcome::Done && self.directory.developer(&delivery.dev_id).is_some_and(has_destination);
        self.store.run(SettleDelivery { delivery: delivery.clone(), outcome, told, now: self.now() }).await
    }

    /// Forgets what nobody can ask for any more; answers how many rows went.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn forget_expired(&self) -> Result<u64, StoreError> {
        let ago = |span: SignedDuration| self.now().saturating_sub(span).unwrap_or(Timestamp::MIN).as_millisecond();
        let expired = Expired {
            tokens_before_ms: ago(SignedDuration::ZERO),
            sessions_before_ms: ago(SignedDuration::from_hours(24)),
            delivered_before_ms: ago(KEPT),
            revoked_before_ms: ago(REPORTED),
            limit: 1000,
        };
        self.store.run(ForgetExpired(expired)).await
    }
}

struct ClaimDue {
    now: Timestamp,
}

#[async_trait]
impl Unit for ClaimDue {
    type Done = Due;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Due, StoreError> {
        let lease_until = self.now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        Ok(Due {
            deliveries: tx.claim_deliveries(self.now, lease_until, LOT).await?,
            revocations: tx.claim_revocations(self.now, lease_until, LOT).await?,
        })
    }
}

struct NextDue;

#[async_trait]
impl Unit for NextDue {
    type Done = Option<Timestamp>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<Timestamp>, StoreError> {
        Ok([tx.next_delivery_at().await?, tx.next_revocation_at().await?].into_iter().flatten().min())
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
    /// Whether the app knows of it now.
    told: bool,
    now: Timestamp,
}

#[async_trait]
impl Unit for SettleDelivery {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        tx.settle_delivery(self.delivery.delivery_id, &self.outcome).await?;
        match user_of(&self.delivery).filter(|_| self.told) {
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
