//! Access tokens: returned while they are valid, refreshed before they expire, and never lost on the way.
//!
//! Many providers accept a refresh token only once. A crash or a lost response after its use loses the grant,
//! and at some providers a second use revokes it. A refresh therefore runs in these steps.
//! `docs/decisions/0006-refresh.md` gives the reasons.
//!
//! 1. **Trigger.** A caller needs an access token that expires within a minute, or a worker claims a due grant
//!    (`worker`). On one node, all callers for a grant share one refresh.
//!    - Durable: a worker's claim, which hides the grant from other workers for 90 s. A caller writes nothing.
//!    - Crash: nothing is lost. Another worker claims the grant after 90 s.
//! 2. **Permit.** The refresh waits up to 10 s for a permit of the provider's gate, which limits concurrency
//!    and rate.
//!    - Durable: nothing. If there is no permit, the refresh is postponed and its new time is stored.
//!    - Crash: as after step 1.
//! 3. **Lease.** One conditional update takes the next lease number for 30 s and sets the in-flight marker
//!    (`in_flight_since`). It requires the tokens and the lease number that were read, and no other valid
//!    lease. While another node has the lease, this node polls for a quarter of a minute and returns the newer
//!    tokens when they appear.
//!    - Durable: the lease and the marker.
//!    - Crash: the lease expires. The marker remains and says that a response may be missing. The provider's recipe
//!      decides how the next refresh continues. A reusable refresh token is used again. Within a grace period the
//!      same request is repeated. Otherwise there is one more attempt, and its rejection means "needs consent"
//!      instead of "revoked". If a second use revokes the grant, that attempt waits until the access token has
//!      expired.
//! 4. **Call.** The call to the provider begins within 10 s of the lease or not at all, and takes at most 10 s.
//!    - Durable: nothing.
//!    - Crash: as after step 3. The provider may have spent the refresh token.
//! 5. **Record.** One unit stores the result. After a success it stores the new tokens under the lease number
//!    and clears the lease and the marker. After a failure it stores the state and the next attempt, and clears
//!    the marker unless a response may be missing. The app's event is part of the unit. Tokens with a lower
//!    lease number never replace newer ones, and a failure counts only if the tokens and the lease are
//!    unchanged. If the store fails, saving new tokens is retried for a minute and a half. If the connection
//!    was removed meanwhile, its revocation gets the new tokens.
//!    - Durable: the result.
//!    - Crash: nothing is lost. Callers find the tokens in the store.
//! 6. **Return.** The callers get the access token, never before it is durable.
//! 7. **Confirm.** At a provider that waits for the first use of new tokens, they are used once (`confirm`).

mod attempt;
mod confirm;
mod once;
mod record;
mod worker;

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    grant::StoredGrant,
    provider::{RefreshPolicy, Tokens},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{DevId, UserId, wire::admin::GrantState};
use tokio::sync::watch;

pub use crate::node::refresh::alarm::{FailingProvider, RefusedApp};
pub(crate) use crate::node::refresh::plan::is_live;
use crate::{
    auth::Auth,
    node::refresh::{
        in_flight::{AccessToken, AccessTokenError, RefreshResult},
        plan::{Jitter, after},
    },
};

/// An access token that expires sooner is refreshed before it is returned.
const EXPIRY_MARGIN: SignedDuration = SignedDuration::from_secs(60);

impl Auth {
    /// Returns an access token of a connection that is valid for at least a minute, if the provider issues
    /// tokens with such a lifetime. Tokens with a shorter lifetime are refreshed at most once in 30 s.
    ///
    /// # Errors
    ///
    /// See [`AccessTokenError`].
    pub async fn access_token(&self, dev_id: &DevId, user_id: UserId) -> Result<AccessToken, AccessTokenError> {
        let seen = self.stored_grant(dev_id, user_id).await?.ok_or(AccessTokenError::UserNotFound)?;
        let tokens = self.open_grant(&seen)?;
        let now = self.now();
        check_grant_state(&seen)?;
        let policy = self.providers().refresh_policy(&seen.provider).filter(|_| tokens.refresh_token.is_some());
        let refreshed = policy.is_some();
        let is_fresh = policy.is_some_and(|policy| is_fresh(&seen, &policy, now));
        if is_live(&tokens, after(now, EXPIRY_MARGIN)) || ((!refreshed || is_fresh) && is_live(&tokens, now)) {
            return Ok(usable_token(&seen, tokens));
        }
        if !refreshed {
            return Err(AccessTokenError::NeedsConsent);
        }
        if let Some(retry_at) = self.retry_at(&seen, now) {
            let live = is_live(&tokens, now).then(|| usable_token(&seen, tokens));
            return live.ok_or(AccessTokenError::Unavailable { retry_at });
        }
        match self.refresh_shared(seen.clone()).await {
            Err(AccessTokenError::Unavailable { .. }) if is_live(&tokens, self.now()) => {
                Ok(usable_token(&seen, tokens))
            }
            outcome => outcome,
        }
    }

    /// The apps that providers refuse, as far as this node knows.
    #[must_use]
    pub fn refused_apps(&self) -> Vec<RefusedApp> {
        self.refreshes().gates.refused()
    }

    /// The providers where all refreshes fail, as far as this node knows.
    #[must_use]
    pub fn failing_providers(&self) -> Vec<FailingProvider> {
        self.refreshes().gates.failing()
    }

    /// When the next attempt after a failure is due; `None` if a refresh may run now or is in flight.
    fn retry_at(&self, seen: &StoredGrant, now: Timestamp) -> Option<Timestamp> {
        let retry_at = seen.refresh_at.filter(|retry_at| seen.failures > 0 && now < *retry_at)?;
        let under_way = self.refreshes().in_flight().contains_key(&(seen.dev_id.clone(), seen.user_id));
        (!under_way).then_some(retry_at)
    }

    /// Refreshes a grant, or waits for the refresh that is in flight on this node. It continues if the caller
    /// disconnects.
    async fn refresh_shared(&self, seen: StoredGrant) -> RefreshResult {
        let mut outcome = self.begin_refresh(seen);
        let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(AccessTokenError::Unavailable { retry_at: self.now() }))
    }

    fn begin_refresh(&self, seen: StoredGrant) -> watch::Receiver<Option<RefreshResult>> {
        let key = (seen.dev_id.clone(), seen.user_id);
        let mut under_way = self.refreshes().in_flight();
        if let Some(outcome) = under_way.get(&key) {
            return outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        under_way.insert(key.clone(), outcome.clone());
        let landing = InFlightGuard { auth: self.clone(), key };
        tokio::spawn(async move {
            let (auth, dev_id, user_id) = (landing.auth.clone(), seen.dev_id.clone(), seen.user_id);
            let outcome = auth.attempt_refresh(seen).await;
            drop(landing); // a later caller begins another refresh
            let refreshed = outcome.is_ok();
            tell.send_replace(Some(outcome));
            if refreshed {
                auth.confirm_refreshed(&dev_id, user_id).await;
            }
        });
        outcome
    }

    async fn stored_grant(&self, dev_id: &DevId, user_id: UserId) -> Result<Option<StoredGrant>, StoreError> {
        self.store().read(ReadGrant { dev_id: dev_id.clone(), user_id }).await
    }

    fn new_jitter(&self) -> Jitter {
        Jitter(u32::from_be_bytes(self.entropy().bytes()))
    }
}

/// Removes a refresh from the list of those in flight, even after a panic.
struct InFlightGuard {
    auth: Auth,
    key: (DevId, UserId),
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.auth.refreshes().in_flight().remove(&self.key);
    }
}

/// Whether the refresh of valid tokens is not due yet. It is due at least a minute before their expiry, unless their
/// lifetime is so short that they would be refreshed continuously.
fn is_fresh(seen: &StoredGrant, policy: &RefreshPolicy, now: Timestamp) -> bool {
    policy.lead_time >= EXPIRY_MARGIN && seen.refresh_at.is_some_and(|due_at| now < due_at)
}

fn check_grant_state(grant: &StoredGrant) -> Result<(), AccessTokenError> {
    match grant.state {
        GrantState::Fine | GrantState::Failing => Ok(()),
        GrantState::NeedsConsent => Err(AccessTokenError::NeedsConsent),
        GrantState::Revoked => Err(AccessTokenError::Revoked),
    }
}

fn usable_token(grant: &StoredGrant, tokens: Tokens) -> AccessToken {
    AccessToken { access_token: tokens.access_token, expires_at: tokens.expires_at, scopes: grant.scopes.clone() }
}

unit!(ReadGrant(dev_id: DevId, user_id: UserId) -> Option<StoredGrant> = |tx| tx.stored_grant(dev_id, *user_id));
