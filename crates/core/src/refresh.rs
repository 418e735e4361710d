//! Access tokens that work: handed out while they live, refreshed before they end, and never lost on the way.
//!
//! A refresh token may be good for one use only, and whoever spends it and loses the answer has lost the grant. So a
//! refresh runs under a numbered lease in the tokens' own row, is written down before the provider is called, and its
//! tokens are durable before anybody sees them. Decision 6 says why each of these is needed.

mod alarm;
mod attempt;
mod confirm;
mod gate;
mod once;
mod plan;
mod settle;
mod worker;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use terra_auth_types::{DevId, UserId};
use tokio::sync::watch;

pub use self::alarm::{FailingProvider, RefusedApp};
pub(crate) use self::plan::{CALL, is_live};
use self::{
    gate::Gates,
    plan::{Draw, after},
};
use crate::{
    auth::Auth,
    grant::{GrantState, KeptGrant},
    provider::{RefreshPolicy, Tokens},
    seal::SealBroken,
    store::{StoreError, Tx, Unit},
};

/// Access to an account at its provider, for as long as it lasts.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// For the provider's data calls.
    pub access_token: SecretString,
    /// When it stops working, if the provider says so.
    pub expires_at: Option<Timestamp>,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
}

/// Why there is no access token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AccessTokenError {
    /// Not there, in another environment, or without tokens.
    #[error("user not found")]
    UserNotFound,
    /// The provider says that the grant is gone.
    #[error("the end user's access was revoked at the provider")]
    Revoked,
    /// The tokens do not work any more.
    #[error("the end user must connect again")]
    NeedsConsent,
    /// There may be one later.
    #[error("the access token has ended and cannot be refreshed now; try again at {retry_at}")]
    Unavailable {
        /// When it is worth another try.
        retry_at: Timestamp,
    },
    /// The tokens cannot be read.
    #[error("the tokens cannot be read")]
    Seal(#[from] SealBroken),
    /// The store failed.
    #[error("could not look for an access token")]
    Store(#[source] Arc<StoreError>),
}

impl From<StoreError> for AccessTokenError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

/// An access token that ends sooner is refreshed before it is handed out.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What a refresh rests on. Each rule can be left out to show that it is needed; nobody else does that.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// One at a time.
    pub lease: bool,
    /// What is older never replaces what is newer.
    pub fence: bool,
    /// Written down before the provider is called.
    pub write_ahead: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { lease: true, fence: true, write_ahead: true }
    }
}

/// The refreshes of this node.
pub(crate) struct Refreshes {
    rules: Rules,
    under_way: Mutex<UnderWay>,
    gates: Gates,
}

/// How a refresh ended, for all who wait for it.
type Refreshing = Result<AccessToken, AccessTokenError>;

/// The refresh of each connection, to be waited for.
type UnderWay = HashMap<(DevId, UserId), watch::Receiver<Option<Refreshing>>>;

impl Refreshes {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, under_way: Mutex::default(), gates: Gates::default() }
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Auth {
    /// An access token of a connection that works for a minute at least, if the provider gives tokens that live so long. Where
    /// they do not, it is refreshed once in 30 s at most.
    ///
    /// # Errors
    ///
    /// See [`AccessTokenError`].
    pub async fn access_token(&self, dev_id: &DevId, user_id: UserId) -> Result<AccessToken, AccessTokenError> {
        let seen = self.kept_grant(dev_id, user_id).await?.ok_or(AccessTokenError::UserNotFound)?;
        let tokens = self.open_grant(&seen)?;
        let now = self.now();
        check(&seen)?;
        let policy = self.providers.refresh_policy(&seen.provider).filter(|_| tokens.refresh_token.is_some());
        let refreshed = policy.is_some();
        let is_fresh = policy.is_some_and(|policy| is_fresh(&seen, &policy, now));
        if is_live(&tokens, after(now, MARGIN)) || ((!refreshed || is_fresh) && is_live(&tokens, now)) {
            return Ok(handed_out(&seen, tokens));
        }
        if !refreshed {
            return Err(AccessTokenError::NeedsConsent);
        }
        if let Some(retry_at) = self.waits(&seen, now) {
            let live = is_live(&tokens, now).then(|| handed_out(&seen, tokens));
            return live.ok_or(AccessTokenError::Unavailable { retry_at });
        }
        match self.refreshed(seen.clone()).await {
            Err(AccessTokenError::Unavailable { .. }) if is_live(&tokens, self.now()) => Ok(handed_out(&seen, tokens)),
            outcome => outcome,
        }
    }

    /// The apps that their providers refuse, as far as this node knows.
    #[must_use]
    pub fn refused_apps(&self) -> Vec<RefusedApp> {
        self.refreshes().gates.refused()
    }

    /// The providers that fail as a whole, as far as this node knows.
    #[must_use]
    pub fn failing_providers(&self) -> Vec<FailingProvider> {
        self.refreshes().gates.failing()
    }

    /// When a grant that failed may be tried again, unless somebody is at it.
    fn waits(&self, seen: &KeptGrant, now: Timestamp) -> Option<Timestamp> {
        let retry_at = seen.refresh_at.filter(|retry_at| seen.failures > 0 && now < *retry_at)?;
        let under_way = self.refreshes().under_way().contains_key(&(seen.dev_id.clone(), seen.user_id));
        (!under_way).then_some(retry_at)
    }

    /// Refreshes a grant, or waits for whoever is at it on this node. It goes on if the caller hangs up.
    async fn refreshed(&self, seen: KeptGrant) -> Refreshing {
        let mut outcome = self.begin_refresh(seen);
        let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome.unwrap_or_else(|| Err(StoreError::Closed.into()))
    }

    fn begin_refresh(&self, seen: KeptGrant) -> watch::Receiver<Option<Refreshing>> {
        let key = (seen.dev_id.clone(), seen.user_id);
        let mut under_way = self.refreshes().under_way();
        if let Some(outcome) = under_way.get(&key) {
            return outcome.clone();
        }
        let (tell, outcome) = watch::channel(None);
        under_way.insert(key.clone(), outcome.clone());
        let landing = Landing { auth: self.clone(), key };
        tokio::spawn(async move {
            let (auth, dev_id, user_id) = (landing.auth.clone(), seen.dev_id.clone(), seen.user_id);
            let outcome = auth.attempt_refresh(seen).await;
            drop(landing); // a caller that comes now begins another refresh
            let refreshed = outcome.is_ok();
            tell.send_replace(Some(outcome));
            if refreshed {
                auth.confirm_refreshed(&dev_id, user_id).await;
            }
        });
        outcome
    }

    async fn kept_grant(&self, dev_id: &DevId, user_id: UserId) -> Result<Option<KeptGrant>, StoreError> {
        self.store.read(ReadGrant { dev_id: dev_id.clone(), user_id }).await
    }

    fn draw(&self) -> Draw {
        Draw(u32::from_be_bytes(self.entropy.bytes()))
    }
}

/// Takes a refresh off the list, even if it panicked.
struct Landing {
    auth: Auth,
    key: (DevId, UserId),
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.auth.refreshes().under_way().remove(&self.key);
    }
}

/// Whether there is any use in asking the provider.
/// Whether the refresh of live tokens is not due yet. It is due a minute before their end at the latest, except where they
/// live so short that they would be refreshed without a pause.
fn is_fresh(seen: &KeptGrant, policy: &RefreshPolicy, now: Timestamp) -> bool {
    policy.ahead >= MARGIN && seen.refresh_at.is_some_and(|due_at| now < due_at)
}

fn check(grant: &KeptGrant) -> Result<(), AccessTokenError> {
    match grant.state {
        GrantState::Fine | GrantState::Failing => Ok(()),
        GrantState::NeedsConsent => Err(AccessTokenError::NeedsConsent),
        GrantState::Revoked => Err(AccessTokenError::Revoked),
    }
}

fn handed_out(grant: &KeptGrant, tokens: Tokens) -> AccessToken {
    AccessToken { access_token: tokens.access_token, expires_at: tokens.expires_at, scopes: grant.scopes.clone() }
}

struct ReadGrant {
    dev_id: DevId,
    user_id: UserId,
}

#[async_trait]
impl Unit for ReadGrant {
    type Done = Option<KeptGrant>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.kept_grant(&self.dev_id, self.user_id).await
    }
}
