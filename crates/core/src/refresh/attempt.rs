//! One refresh: takes the lease, sets the in-flight marker, calls the provider.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    causes::Causes,
    grant::{Lease, StoredGrant},
    provider::{RefreshError, RefreshPolicy, Refreshed, Tokens},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};

use super::{check_grant_state, usable_token};
use crate::auth::Auth;
pub(crate) use crate::node::refresh::{
    in_flight::{AccessTokenError, RefreshResult},
    plan::{FailedAttempt, LEASE_TTL, MAX_TIMESTAMP, PROVIDER_TIMEOUT, PriorAttempt, after, prior_attempt},
};

/// How often the lease of another node is polled: for a quarter of a minute in total.
const MAX_LEASE_POLLS: u32 = 20;
const FIRST_POLL: Duration = Duration::from_millis(50);
const MAX_POLL: Duration = Duration::from_secs(1);

/// A grant that this node has leased.
pub(super) struct Leased {
    /// The grant with the lease.
    pub(super) grant: StoredGrant,
    /// The grant before the lease.
    pub(super) before: StoredGrant,
    pub(super) tokens: Tokens,
    pub(super) policy: RefreshPolicy,
    pub(super) opening: PriorAttempt,
    pub(super) since: Timestamp,
}

impl Auth {
    /// Refreshes a grant, unless the store has newer tokens than `seen`.
    pub(super) async fn attempt_refresh(&self, seen: StoredGrant) -> RefreshResult {
        let policy = self.providers().refresh_policy(&seen.provider).ok_or(AccessTokenError::NeedsConsent)?;
        let gate = self.refreshes().gates.gate_for(&seen.dev_id, &seen.provider, &policy);
        let _place = match gate.acquire(&policy, self.now()).await {
            Ok(place) => place,
            Err(retry_at) => return Err(self.postpone_refresh(&seen, retry_at).await),
        };
        if policy.confirm {
            self.confirm(&seen).await;
        }
        let version = seen.version;
        let mut grant = seen;
        for look in 0..MAX_LEASE_POLLS {
            check_grant_state(&grant)?;
            let tokens = self.open_grant(&grant)?;
            if grant.version != version {
                return Ok(usable_token(&grant, tokens)); // another refresh was faster
            }
            match self.lease(&grant, tokens, policy).await? {
                LeaseOutcome::Ours(leased) => {
                    let outcome = self.call(&leased).await;
                    return self.record(*leased, outcome, &gate).await;
                }
                LeaseOutcome::NotBefore(instant) => return Err(self.postpone_refresh(&grant, instant).await),
                LeaseOutcome::Theirs => self.pause(look).await,
            }
            let again = self.stored_grant(&grant.dev_id, grant.user_id).await?;
            grant = again.ok_or(AccessTokenError::UserNotFound)?;
        }
        Err(AccessTokenError::Unavailable { retry_at: after(self.now(), LEASE_TTL) })
    }

    async fn lease(
        &self,
        seen: &StoredGrant,
        tokens: Tokens,
        policy: RefreshPolicy,
    ) -> Result<LeaseOutcome, StoreError> {
        let now = self.now();
        let rules = self.refreshes().rules();
        if rules.needs_lease() && seen.lease_until.is_some_and(|until| now < until) {
            return Ok(LeaseOutcome::Theirs);
        }
        let opening = prior_attempt(policy.rotation, seen, &tokens, now);
        if let PriorAttempt::NotBefore(instant) = opening {
            return Ok(LeaseOutcome::NotBefore(instant));
        }
        let in_flight_since = rules.is_written_ahead().then(|| seen.in_flight_since.unwrap_or(now));
        let lease = Lease { now, until: after(now, LEASE_TTL), in_flight_since };
        let taken = self.store().run(TakeLease { seen: seen.clone(), lease, exclusive: rules.needs_lease() }).await?;
        let Some(number) = taken else { return Ok(LeaseOutcome::Theirs) };
        let grant = StoredGrant { lease: number, lease_until: Some(lease.until), in_flight_since, ..seen.clone() };
        Ok(LeaseOutcome::Ours(Box::new(Leased { grant, before: seen.clone(), tokens, policy, opening, since: now })))
    }

    /// Calls the provider, unless the call could outlast the lease.
    async fn call(&self, leased: &Leased) -> Result<Refreshed, RefreshError> {
        let too_late = after(leased.since, LEASE_TTL - PROVIDER_TIMEOUT * 2);
        if self.refreshes().rules().needs_lease() && self.now() > too_late {
            return Err(RefreshError::NotReached("the lease is about to end".into()));
        }
        let call = self.refresh_at(&leased.grant.dev_id, &leased.grant.provider, &leased.tokens);
        let answer = tokio::time::timeout(PROVIDER_TIMEOUT.unsigned_abs(), call).await;
        answer.unwrap_or_else(|late| Err(RefreshError::AnswerLost(Box::new(late))))
    }

    /// Postpones the refresh of a grant until an instant.
    async fn postpone_refresh(&self, seen: &StoredGrant, retry_at: Timestamp) -> AccessTokenError {
        let refresh_at = after(retry_at, self.new_jitter().part_of(LEASE_TTL));
        if let Err(error) = self.store().run(PostponeRefresh { seen: seen.clone(), refresh_at }).await {
            tracing::warn!(user.id = %seen.user_id, error = %Causes(&error), "could not postpone a refresh");
        }
        AccessTokenError::Unavailable { retry_at }
    }

    async fn pause(&self, look: u32) {
        let pause = (FIRST_POLL * 2_u32.pow(look.min(10))).min(MAX_POLL);
        let jitter = pause * (self.new_jitter().0 >> 22) / 1024;
        tokio::time::sleep(pause / 2 + jitter).await;
    }
}

impl Leased {
    /// Describes a failure, so that its consequences can be decided.
    pub(super) fn failed(&self, auth: &Auth, closed_until: Timestamp) -> FailedAttempt<'_> {
        FailedAttempt {
            grant: &self.before,
            tokens: &self.tokens,
            opening: self.opening,
            rotation: self.policy.rotation,
            called_at: self.since,
            now: auth.now(),
            closed_until,
            draw: auth.new_jitter(),
        }
    }
}

/// The result of trying to take the lease.
enum LeaseOutcome {
    Ours(Box<Leased>),
    Theirs,
    NotBefore(Timestamp),
}

struct TakeLease {
    seen: StoredGrant,
    lease: Lease,
    exclusive: bool,
}

#[async_trait]
impl Unit for TakeLease {
    type Done = Option<u64>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<u64>, StoreError> {
        let (mut seen, mut lease) = (self.seen.clone(), self.lease);
        if !self.exclusive {
            seen = tx.stored_grant(&seen.dev_id, seen.user_id).await?.unwrap_or(seen);
            lease.now = MAX_TIMESTAMP;
        }
        Ok(tx.lease_grant(&seen, &lease).await?.then_some(seen.lease + 1))
    }
}

unit!(PostponeRefresh(seen: StoredGrant, refresh_at: Timestamp) -> bool = |tx| tx.schedule_refresh(seen, seen.expires_at, Some(*refresh_at)));
