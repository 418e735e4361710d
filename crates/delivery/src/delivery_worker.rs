//! The background worker: posts events, revokes grants, and deletes expired rows.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use terra_auth_core::{Auth, outbox::QueueCapacity};
use terra_auth_egress::{AddressPolicy, HttpClient, Proxies, SetupError};
use terra_auth_model::{
    causes::Causes,
    delivery::{ClaimedDestination, Delivery},
    revocation::Revocation,
    store_error::StoreError,
};
use terra_auth_types::{DestinationId, Provider};
use tokio::time::Instant;

use crate::{
    attempts::{Attempts, Claimed, Work},
    housekeeping,
    observer::{Attempt, DeliveryResult, Observer},
    queue_shares::{Pace, QueueLimits},
    webhook_sender::{self, WebhookSender, milliseconds},
};

/// A success within this time gives its queue another slot.
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// A failure after more than this time removes slots of its queue.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Posts events, revokes grants, and deletes expired rows. Several workers can share a store.
///
/// Deliveries and revocations are attempted in two rolling sets, and housekeeping runs in parallel, so none of the three
/// waits for another. In each set, a queue (the destination of an event, the provider of a grant) has a number of slots,
/// which decreases while its attempts time out.
pub struct DeliveryWorker {
    auth: Auth,
    sender: WebhookSender,
    observer: Arc<dyn Observer>,
}

/// The number of attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkDone {
    /// Deliveries, with any result.
    pub deliveries: usize,
    /// Revocations, with any result.
    pub revocations: usize,
}

impl DeliveryWorker {
    /// Creates a worker that waits 8 s for a response.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn new(auth: Auth, policy: AddressPolicy, observer: Arc<dyn Observer>) -> Result<Self, SetupError> {
        let sender =
            WebhookSender { caller: HttpClient::new(policy, Proxies::None)?, timeout: webhook_sender::TIMEOUT };
        Ok(Self { auth, sender, observer })
    }

    /// Sets the time limit of a delivery attempt, at most 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.sender.timeout = timeout.min(terra_auth_egress::CALL_TIMEOUT);
        self
    }

    /// Works until `shutdown` is ready, then finishes the running attempts.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let shutdown = shutdown.shared();
        let (clock, arrivals) = (self.auth.clock().as_ref(), self.auth.outbox());
        tokio::join!(
            self.deliveries().run(clock, &arrivals.deliveries, shutdown.clone()),
            self.revocations().run(clock, &arrivals.revocations, shutdown.clone()),
            housekeeping::run(&self.auth, shutdown),
        );
    }

    /// Attempts all work that is due now.
    ///
    /// # Errors
    ///
    /// The store failed; the remaining work stays due.
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

/// Events, queued by destination.
struct Deliveries {
    auth: Auth,
    sender: WebhookSender,
    observer: Arc<dyn Observer>,
}

#[async_trait]
impl Work for Deliveries {
    type Queue = DestinationId;
    type Item = (Delivery, Arc<ClaimedDestination>);

    const NAME: &'static str = "deliveries";
    const LIMITS: QueueLimits = QueueLimits { total: 256, start: 8, most: 32 };

    async fn claim(&self, room: QueueCapacity<DestinationId>) -> Result<Claimed<Self>, StoreError> {
        let claimed = self.auth.claim_deliveries(room).await?;
        let items = claimed.due.into_iter().map(|item| (item.0.destination_id, item)).collect();
        Ok(Claimed { items, next_at: claimed.next_at })
    }

    async fn attempt(&self, (delivery, destination): Self::Item) -> Pace {
        let began = Instant::now();
        let (result, mut report) = self.sender.attempt(&delivery, &destination, self.auth.clock().as_ref()).await;
        let took = began.elapsed();
        report.timing.total_ms = milliseconds(took);
        let pace = poll_interval(matches!(result, DeliveryResult::Delivered { .. }), took);
        if let Err(error) = self.auth.record_delivery_attempt(&delivery, result.outcome(), report).await {
            // The lease expires, and the attempt is repeated.
            tracing::error!(event.id = %delivery.event_id, error = %Causes(&error), "could not record an attempt");
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
        Ok(Claimed { items, next_at: claimed.next_at })
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
