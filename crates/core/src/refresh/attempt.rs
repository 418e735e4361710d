//! One refresh: lease, write down, call.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    AccessTokenError, Refreshing, check, handed_out,
    plan::{CALL, FAR, Failed, LEASE, Opening, after, opening},
};
use crate::{
    auth::Auth,
    causes::Causes,
    grant::{KeptGrant, Lease},
    provider::{RefreshError, RefreshPolicy, Refreshed, Tokens},
    store::{StoreError, Tx, Unit},
};

/// How often the lease of another node is looked at again: for a quarter of a minute.
const LOOKS: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A grant under our lease.
pub(super) struct Leased {
    /// As it is in the store now.
    pub(super) grant: KeptGrant,
    /// As it was before.
    pub(super) before: KeptGrant,
    pub(super) tokens: Tokens,
    pub(super) policy: RefreshPolicy,
    pub(super) opening: Opening,
    pub(super) since: Timestamp,
}

impl Auth {
    /// Refreshes a grant unless its tokens are newer than those that were seen.
    pub(super) async fn attempt_refresh(&self, seen: KeptGrant) -> Refreshing {
        let policy = self.providers.refresh_policy(&seen.provider).ok_or(AccessTokenError::NeedsConsent)?;
        let gate = self.refreshes().gates.of(&seen.dev_id, &seen.provider, &policy);
        let _place = match gate.enter(&policy, self.now()).await {
            Ok(place) => place,
            Err(retry_at) => return Err(self.put_off(&seen, retry_at).await),
        };
        if policy.confirm {
            self.confirm(&seen).await;
        }
        let version = seen.version;
        let mut grant = seen;
        for look in 0..LOOKS {
            check(&grant)?;
            let tokens = self.open_grant(&grant)?;
            if grant.version != version {
                return Ok(handed_out(&grant, tokens)); // somebody else was faster
            }
            match self.lease(&grant, tokens, policy).await? {
                Turn::Ours(leased) => {
                    let outcome = self.call(&leased).await;
                    return self.record(*leased, outcome, &gate).await;
                }
                Turn::NotBefore(instant) => return Err(self.put_off(&grant, instant).await),
                Turn::Theirs => self.pause(look).await,
            }
            let again = self.kept_grant(&grant.dev_id, grant.user_id).await?;
            grant = again.ok_or(AccessTokenError::UserNotFound)?;
        }
        Err(AccessTokenError::Unavailable { retry_at: after(self.now(), LEASE) })
    }

    async fn lease(&self, seen: &KeptGrant, tokens: Tokens, policy: RefreshPolicy) -> Result<Turn, StoreError> {
        let now = self.now();
        let rules = self.refreshes().rules;
        if rules.lease && seen.lease_until.is_some_and(|until| now < until) {
            return Ok(Turn::Theirs);
        }
        let opening = opening(policy.rotation, seen, &tokens, now);
        if let Opening::NotBefore(instant) = opening {
            return Ok(Turn::NotBefore(instant));
        }
        let in_flight_since = rules.write_ahead.then(|| seen.in_flight_since.unwrap_or(now));
        let lease = Lease { now, until: after(now, LEASE), in_flight_since };
        let taken = self.store.run(TakeLease { seen: seen.clone(), lease, alone: rules.lease }).await?;
        let Some(number) = taken else { return Ok(Turn::Theirs) };
        let grant = KeptGrant { lease: number, lease_until: Some(lease.until), in_flight_since, ..seen.clone() };
        Ok(Turn::Ours(Box::new(Leased { grant, before: seen.clone(), tokens, policy, opening, since: now })))
    }

    /// Calls the provider, if the call ends surely before the lease does.
    async fn call(&self, leased: &Leased) -> Result<Refreshed, RefreshError> {
        let too_late = after(leased.since, LEASE - CALL * 2);
        if self.refreshes().rules.lease && self.now() > too_late {
            return Err(RefreshError::Untouched("the lease is about to end".into()));
        }
        let call = self.refresh_at(&leased.grant.dev_id, &leased.grant.provider, &leased.tokens);
        let answer = tokio::time::timeout(CALL.unsigned_abs(), call).await;
        answer.unwrap_or_else(|late| Err(RefreshError::Lost(Box::new(late))))
    }

    /// Leaves a grant alone until an instant.
    async fn put_off(&self, seen: &KeptGrant, retry_at: Timestamp) -> AccessTokenError {
        let refresh_at = after(retry_at, self.draw().part_of(LEASE));
        if let Err(error) = self.store.run(PutOff { seen: seen.clone(), refresh_at }).await {
            tracing::warn!(user.id = %seen.user_id, error = %Causes(&error), "could not put off a refresh");
        }
        AccessTokenError::Unavailable { retry_at }
    }

    async fn pause(&self, look: u32) {
        let pause = (FIRST_PAUSE * 2_u32.pow(look.min(10))).min(LONGEST_PAUSE);
        let jitter = pause * (self.draw().0 >> 22) / 1024;
        tokio::time::sleep(pause / 2 + jitter).await;
    }
}

impl Leased {
    /// What follows from a failure.
    pub(super) fn failed(&self, auth: &Auth, closed_until: Timestamp) -> Failed<'_> {
        Failed {
            grant: &self.before,
            tokens: &self.tokens,
            opening: self.opening,
            rotation: self.policy.rotation,
            called_at: self.since,
            now: auth.now(),
            closed_until,
            draw: auth.draw(),
        }
    }
}

/// Whose turn it is.
enum Turn {
    Ours(Box<Leased>),
    Theirs,
    NotBefore(Timestamp),
}

struct TakeLease {
    seen: KeptGrant,
    lease: Lease,
    alone: bool,
}

#[async_trait]
impl Unit for TakeLease {
    type Done = Option<u64>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<u64>, StoreError> {
        let (mut seen, mut lease) = (self.seen.clone(), self.lease);
        if !self.alone {
            seen = tx.kept_grant(&seen.dev_id, seen.user_id).await?.unwrap_or(seen);
            lease.now = FAR;
        }
        Ok(tx.lease_grant(&seen, &lease).await?.then_some(seen.lease + 1))
    }
}

struct PutOff {
    seen: KeptGrant,
    refresh_at: Timestamp,
}

#[async_trait]
impl Unit for PutOff {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.schedule_refresh(&self.seen, self.seen.expires_at, Some(self.refresh_at)).await
    }
}
