//! The keys that an issuer publishes: fetched when they are needed first, kept, and looked after behind the requests.
//!
//! An outage of the issuer logs no user out: the last good keys stay valid. A key that the issuer withdraws stops
//! counting with the next answer.

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

/// An issuer's keys. Cloning is cheap; all clones are the same.
#[derive(Clone)]
pub(super) struct Jwks(Arc<Inner>);

struct Inner {
    place: JwksSource,
    http: Http,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// The task that holds it fetches; the others wait for the result.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Jwks {
    pub(super) fn new(place: JwksSource, http: Http, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { place, http, clock, state: Mutex::default(), turn: Arc::default() }))
    }

    /// The key that a token names, or without a name the only one that fits.
    pub(super) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, LoginError> {
        let began = self.0.clock.now();
        let mut found = self.keys().await?.find(kid, algorithm);
        if matches!(found, Err(NoKey::Unknown)) {
            self.fetch(FetchReason::UnknownKey { began }).await;
            found = self.keys().await?.find(kid, algorithm);
        }
        found.map_err(|reason| match reason {
            NoKey::Unfit => LoginError::Refused("the token's key is for something else"),
            NoKey::Ambiguous => LoginError::Refused("the token does not say which key signed it"),
            NoKey::Unknown if self.0.state().failed_at.is_some() => unavailable(), // it may be a new one
            NoKey::Unknown => LoginError::Refused("the token's key is unknown"),
        })
    }

    /// Whether there are keys; asks for them at most as often as any request would.
    pub(super) async fn reachable(&self) -> Result<(), LoginError> {
        self.keys().await.map(drop)
    }

    async fn keys(&self) -> Result<Arc<KeySet>, LoginError> {
        let keys = self.0.state().keys(self.0.clock.now()); // `if let` would hold the state, which `fetch_behind` needs
        if let Some(keys) = keys {
            self.fetch_behind();
            return Ok(keys);
        }
        self.fetch(FetchReason::Keys).await;
        self.0.state().keys(self.0.clock.now()).ok_or_else(unavailable)
    }

    /// Fetches if `need` is reason enough, after a fetch that is in progress.
    async fn fetch(&self, need: FetchReason) {
        let turn = Arc::clone(&self.0.turn).lock_owned().await;
        if self.0.state().is_due(need, self.0.clock.now()) {
            // A caller who hangs up ends its waiting, not the fetch; one that panicked has changed nothing.
            let _ = self.start(turn, need).await;
        }
    }

    /// Fetches outdated keys unless a fetch is in progress; no caller waits for it.
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
                Err(error) => tracing::warn!(error = %Causes(error), "could not fetch the keys that sign logins"),
                Ok(keys) if keys.is_empty() => tracing::warn!("the issuer publishes no key that can be used"),
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
