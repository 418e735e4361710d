//! The keys that an issuer publishes: fetched on first use, cached, and refreshed in the
//! background.
//!
//! During an outage of the issuer the last good keys stay valid, so no user is logged out. A key
//! that the issuer withdraws becomes invalid with the next fetch.

mod fetch;
mod key_set;
mod state;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jsonwebtoken::Algorithm;

use terra_auth_model::{causes::Causes, clock::Clock};

use terra_auth_egress::Http;

use tokio::{sync::OwnedMutexGuard, task::JoinHandle};

use super::{LoginError, jwt::Key};

pub(super) use fetch::JwksSource;

use key_set::{KeySet, NoKey};

use state::{FetchReason, State};

/// The keys of an issuer. Cloning is cheap; all clones share the cache.
#[derive(Clone)]
pub(super) struct Jwks(Arc<Inner>);

struct Inner {
    place: JwksSource,
    http: Http,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Locked by the task that fetches; the others wait for the result.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Jwks {
    pub(super) fn new(place: JwksSource, http: Http, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { place, http, clock, state: Mutex::default(), turn: Arc::default() }))
    }

    /// Finds the key that a token names. Without a name, finds the only one that fits.
    pub(super) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, LoginError> {
        let began = self.0.clock.now();
        let mut found = self.keys().await?.find(kid, algorithm);
        if matches!(found, Err(NoKey::Unknown)) {
            self.fetch(FetchReason::UnknownKey { began }).await;
            found = self.keys().await?.find(kid, algorithm);
        }
        found.map_err(|reason| match reason {
            NoKey::Unfit => LoginError::Refused("the token's key cannot be used for this token"),
            NoKey::Ambiguous => LoginError::Refused("the token does not say which key signed it"),
            NoKey::Unknown if self.0.state().failed_at.is_some() => unavailable(), // it may be a new key
            NoKey::Unknown => LoginError::Refused("the token's key is unknown"),
        })
    }

    /// Whether keys are available. It fetches them at most as often as requests would.
    pub(super) async fn reachable(&self) -> Result<(), LoginError> {
        self.keys().await.map(drop)
    }

    async fn keys(&self) -> Result<Arc<KeySet>, LoginError> {
        let keys = self.0.state().keys(self.0.clock.now()); // not in the `if let`: it would lock the state, which `fetch_behind` locks
        if let Some(keys) = keys {
            self.fetch_behind();
            return Ok(keys);
        }
        self.fetch(FetchReason::Keys).await;
        self.0.state().keys(self.0.clock.now()).ok_or_else(unavailable)
    }

    /// Waits for a fetch in progress, then fetches if `need` still requires it.
    async fn fetch(&self, need: FetchReason) {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        if self.0.state().is_due(need, self.0.clock.now()) {
            // A cancelled caller stops waiting, and the fetch continues. A fetch that panicked has
            // changed nothing.
            let _ = self.start(turn, need).await;
        }
    }

    /// Refreshes stale keys in the background, unless a fetch is in progress.
    fn fetch_behind(&self) {
        if !self.0.state().is_due(FetchReason::Newer, self.0.clock.now()) {
            return;
        }
        if let Ok(turn) = Arc::clone(&self.0.turn).try_lock_owned() {
            drop(self.start(turn, FetchReason::Newer));
        }
    }

    fn start(&self, turn: OwnedMutexGuard<()>, need: FetchReason) -> JoinHandle<()> {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let began = inner.clock.now();
            let outcome = fetch::fetch(&inner.http, &inner.place).await;
            match &outcome {
                Err(error) => tracing::warn!(error = %Causes(error), "could not fetch the issuer's keys"),
                Ok(keys) if keys.is_empty() => {
                    tracing::warn!("the issuer publishes no usable key; logins with its tokens fail");
                }
                Ok(_) => {}
            }
            inner.state().record_fetch(outcome.ok(), need, began, inner.clock.now());
            drop(turn);
        })
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable() -> LoginError {
    LoginError::Unavailable { problem: "the issuer's keys cannot be fetched", source: None }
}
