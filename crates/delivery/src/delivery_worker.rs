//! The background worker: posts events, revokes grants and removes what has expired.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use terra_auth_core::{Auth, outbox::QueueCapacity};
use terra_auth_egress::{AddressPolicy, HttpClient, Proxies, SetupError};
use terra_auth_model::{
    causes::Causes,
    delivery::{Delivery, Destination},
    revocation::Revocation,
    store_error::StoreError,
};
use terra_auth_types::{DevId, Provider};
use tokio::time::Instant;

use crate::{
    attempts::{Attempts, Claimed, Work},
    housekeeping,
    observer::{Attempt, DeliveryResult, Observer},
    queue_shares::{Pace, QueueLimits},
    webhook_sender::{self, WebhookSender},
};

/// An attempt that succeeded within this time says that its queue can take more.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// An attempt that fails after more than this time shrinks its queue.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Posts events, revokes grants, and deletes expired rows. Several workers can share a store.
///
/// Deliveries and revocations are attempted in two rolling sets, and housekeeping runs beside them, so none of the three
/// waits for another. In each set, a queue (the environment of an event, the provider of a grant) has a number of slots,
/// which shrinks while its attempts time out.
pub struct DeliveryWorker {
    auth: Auth,
    sender: WebhookSender,
    observer: Arc<dyn Observer>,
}

/// How much was attempted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkDone {
    /// Deliveries, however they ended.
    pub deliveries: usize,
    /// Revocations, however they ended.
    pub revocations: usize,
}

impl DeliveryWorker {
    /// A worker that waits 8 s for an answer.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(auth: Auth, policy: AddressPolicy, observer: Arc<dyn Observer>) -> Result<Self, SetupError> {
        let sender =
            WebhookSender { caller: HttpClient::new(policy, Proxies::None)?, timeout: webhook_sender::TIMEOUT };
        Ok(Self { auth, sender, observer })
    }

    /// The same worker with another time limit; more than 10 s has no effect.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.sender.timeout = timeout.min(terra_auth_egress::CALL_TIMEOUT);
        self
    }

    /// Works until `shutdown` is ready. Attempts that are under way are finished first.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let shutdown = shutdown.shared();
        let (clock, arrivals) = (self.auth.clock().as_ref(), self.auth.outbox());
        tokio::join!(
            self.deliveries().run(clock, &arrivals.deliveries, shutdown.clone()),
            self.revocations().run(clock, &arrivals.revocations, shutdown.clone()),
            housekeeping::run(&self.auth, shutdown),
        );
    }

    /// Attempts everything that is due now.
    ///
    /// # Errors
    ///
    /// The store failed; what was not attempted stays due.
    pub async fn run_once(&self) -> Result<WorkDone, StoreError> {
        let mut total = WorkDone::default();
        loop {
            let deliveries = self.deliveries().run_once().await?;
            let revocations = self.revocations().run_once().await?;
            if deliveries + revocations == 0 {
                return Ok(total);
            }
            total.deliveries += deliveries;
            total.revocations += revocations;
        }
    }

    fn deliveries(&self) -> Attempts<Deliveries> {
        let (auth, sender) = (self.auth.clone(), self.sender.clone());
        Attempts::new(Arc::new(Deliveries { auth, sender, observer: Arc::clone(&self.observer) }))
    }

    fn revocations(&self) -> Attempts<Revocations> {
        Attempts::new(Arc::new(Revocations { auth: self.auth.clone() }))
    }
}

/// Events, queued by environment.
struct Deliveries {
    auth: Auth,
    sender: WebhookSender,
    observer: Arc<dyn Observer>,
}

#[async_trait]
impl Work for Deliveries {
    type Queue = DevId;
    type Item = (Delivery, Arc<Destination>);

    const NAME: &'static str = "deliveries";
    const LIMITS: QueueLimits = QueueLimits { total: 256, start: 8, most: 32 };

    async fn claim(&self, room: QueueCapacity<DevId>) -> Result<Claimed<Self>, StoreError> {
        let claimed = self.auth.claim_deliveries(room).await?;
        for delivery in &claimed.unsent {
            self.observer.attempted(&Attempt { delivery, result: &DeliveryResult::Unsent, took: Duration::ZERO });
        }
        let items = claimed.due.into_iter().map(|item| (item.0.dev_id.clone(), item)).collect();
        Ok(Claimed { items, ended: claimed.unsent.len(), next_at: claimed.next_at })
    }

    async fn attempt(&self, (delivery, destination): Self::Item) -> Pace {
        let began = Instant::now();
        let result = self.sender.attempt(&delivery, &destination, self.auth.clock().as_ref()).await;
        let took = began.elapsed();
        let pace = poll_interval(matches!(result, DeliveryResult::Delivered { .. }), took);
        if let Err(error) = self.auth.record_delivery_attempt(&delivery, result.outcome()).await {
            // The lease ends, and the attempt is made again.
            tracing::error!(delivery.id = %delivery.delivery_id, error = %Causes(&error), "could not record an attempt");
        }
        self.observer.attempted(&Attempt { delivery: &delivery, result: &result, took });
        pace
    }
}

/// Grants to revoke, queued by provider.
struct Revocations {
    auth: Auth,
}

#[async_trait]
impl Work for Revocations {
    type Queue = Provider;
    type Item = Revocation;

    const NAME: &'static str = "revocations";
    const LIMITS: QueueLimits = QueueLimits { total: 64, start: 8, most: 16 };

    async fn claim(&self, room: QueueCapacity<Provider>) -> Result<Claimed<Self>, StoreError> {
        let claimed = self.auth.claim_revocations(room).await?;
        let items = claimed.due.into_iter().map(|revocation| (revocation.provider.clone(), revocation)).collect();
        Ok(Claimed { items, ended: 0, next_at: claimed.next_at })
    }

    async fn attempt(&self, revocation: Revocation) -> Pace {
        let began = Instant::now();
        let result = self.auth.revoke(&revocation).await;
        if let Err(error) = &result {
            tracing::error!(user.id = %revocation.user_id, error = %Causes(error), "could not record a revocation");
        }
        poll_interval(result.is_ok(), began.elapsed())
    }
}

fn poll_interval(succeeded: bool, took: Duration) -> Pace {
    match (succeeded, took) {
        (true, took) if took < MIN_POLL_INTERVAL => Pace::Quick,
        (false, took) if took > MAX_POLL_INTERVAL => Pace::Slow,
        (true, took) if took > webhook_sender::TIMEOUT => Pace::Slow,
        _ => Pace::Steady,
    }
}
