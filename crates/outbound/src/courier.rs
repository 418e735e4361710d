//! Tells the world what it must be told, as it falls due.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use terra_auth_core::{Auth, causes::Causes, delivery::Delivery, revocation::Revocation, store::StoreError};
use tokio::time::sleep;

use crate::{
    caller::{Caller, SetupError},
    guard::AddressPolicy,
    observer::{Attempt, Observer},
    postman::{self, Postman},
};

/// The longest sleep: another node may add work without ringing here.
const MAX_SLEEP: Duration = Duration::from_secs(30);
const MIN_SLEEP: Duration = Duration::from_millis(100);

/// How long to leave a store alone that failed: twice as long each time, between these.
const MIN_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

const TIDY_EVERY: SignedDuration = SignedDuration::from_mins(5);
const TIDY_ROUNDS: u32 = 50;

/// Posts events, revokes grants, and forgets what has expired. Several may work on one store.
///
/// What is due is taken in lots, and a lot is attempted at once. An attempt takes at most 8 s for a delivery. A revocation
/// is a call of at most 10 s, or two with a refresh between them: within the lease of a lot, too.
pub struct Courier {
    auth: Auth,
    postman: Postman,
    observer: Arc<dyn Observer>,
}

/// How much was attempted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// Deliveries, however they ended.
    pub deliveries: usize,
    /// Revocations, however they ended.
    pub revocations: usize,
}

impl Courier {
    /// A courier that waits 8 s for an answer.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(auth: Auth, policy: AddressPolicy, observer: Arc<dyn Observer>) -> Result<Self, SetupError> {
        let postman = Postman { caller: Caller::new(policy)?, timeout: postman::TIMEOUT };
        Ok(Self { auth, postman, observer })
    }

    /// The same courier with another patience; more than 10 s has no effect.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.postman.timeout = timeout.min(crate::caller::TIMEOUT);
        self
    }

    /// Works until `shutdown` is ready. Attempts that are under way are finished first.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut backoff = MIN_BACKOFF;
        let mut tidy_at = Timestamp::MIN;
        loop {
            let pause = self.step(&mut tidy_at).await;
            let failed = pause.is_err();
            let pause = pause.unwrap_or_else(|error| {
                tracing::error!(error = %Causes(&error), "the courier cannot work, trying again in {backoff:?}");
                backoff
            });
            backoff = if failed { (backoff * 2).min(MAX_BACKOFF) } else { MIN_BACKOFF };
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = sleep(pause) => {}
                () = self.auth.outbox.notified(), if !failed => {}
            }
        }
    }

    /// Attempts everything that is due now.
    ///
    /// # Errors
    ///
    /// The store failed; what was not attempted stays due.
    pub async fn run_once(&self) -> Result<Handled, StoreError> {
        let mut total = Handled::default();
        loop {
            let lot = self.attempt_lot().await?;
            if lot == Handled::default() {
                return Ok(total);
            }
            total.deliveries += lot.deliveries;
            total.revocations += lot.revocations;
        }
    }

    /// Does what there is to do; answers how long there is nothing more.
    async fn step(&self, tidy_at: &mut Timestamp) -> Result<Duration, StoreError> {
        if self.auth.clock.now() >= *tidy_at {
            self.tidy().await;
            *tidy_at = self.auth.clock.now().saturating_add(TIDY_EVERY).unwrap_or(Timestamp::MAX);
        }
        if self.attempt_lot().await? != Handled::default() {
            return Ok(Duration::ZERO);
        }
        let Some(due) = self.auth.next_due().await? else { return Ok(MAX_SLEEP) };
        let wait = Duration::try_from(due.duration_since(self.auth.clock.now())).unwrap_or_default();
        Ok(wait.clamp(MIN_SLEEP, MAX_SLEEP))
    }

    async fn attempt_lot(&self) -> Result<Handled, StoreError> {
        let due = self.auth.claim_due().await?;
        tokio::join!(
            join_all(due.deliveries.iter().map(|delivery| self.deliver(delivery))),
            join_all(due.revocations.iter().map(|revocation| self.revoke(revocation))),
        );
        Ok(Handled { deliveries: due.deliveries.len(), revocations: due.revocations.len() })
    }

    async fn deliver(&self, delivery: &Delivery) {
        let ending = self.postman.attempt(&self.auth, delivery).await;
        if let Err(error) = self.auth.settle_delivery(delivery, ending.outcome()).await {
            // The lease will end, and the attempt be made again.
            tracing::error!(delivery.id = %delivery.delivery_id, error = %Causes(&error), "could not record an attempt");
        }
        self.observer.attempted(&Attempt { delivery, ending: &ending });
    }

    async fn revoke(&self, revocation: &Revocation) {
        if let Err(error) = self.auth.revoke(revocation).await {
            tracing::error!(user.id = %revocation.user_id, error = %Causes(&error), "could not record a revocation");
        }
    }

    /// A failure is for the next time: deliveries matter more.
    async fn tidy(&self) {
        for _ in 0..TIDY_ROUNDS {
            match self.auth.forget_expired().await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %Causes(&error), "could not forget what has expired");
                    break;
                }
            }
        }
    }
}
