//! Leaves an API alone that fails, so that nobody waits for it in vain and it can come up again.

mod state;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::SignedDuration;
use terra_auth::Error;
use terra_auth_core::clock::Clock;

use crate::settings::UpstreamSettings;
use state::{Change, Policy, State};

const FAILURES: u32 = 5;
const PAUSE_S: u32 = 5;

/// Lets calls through until several in a row have failed; then none for a while; then one, which decides. Cloning is
/// cheap and shares what is known.
#[derive(Clone)]
pub(crate) struct Breaker(Arc<Parts>);

struct Parts {
    policy: Policy,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// Why the upstream gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// It is not asked: it has failed too often, or leaves another caller waiting.
    #[error("the API does not answer and is not asked for {retry_after_s} s")]
    Paused {
        /// At least 1.
        retry_after_s: u32,
    },
    /// What the call said.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Breaker {
    pub(crate) fn new(settings: &UpstreamSettings, clock: Arc<dyn Clock>) -> Self {
        let failures = settings.failures.map_or(FAILURES, NonZeroU32::get);
        let pause = SignedDuration::from_secs(settings.pause_s.map_or(PAUSE_S, NonZeroU32::get).into());
        Self(Arc::new(Parts { policy: Policy { failures, pause }, clock, state: Mutex::default() }))
    }

    /// Does `work`, unless the upstream is left alone just now. A call that is given up says nothing about the upstream.
    pub(crate) async fn call<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, UpstreamError> {
        let entered = self.enter()?;
        let result = work.await;
        if let Some(verdict) = Verdict::of(&result) {
            entered.tell(verdict);
        }
        Ok(result?)
    }

    /// Whether calls are refused now. Ends with the pause, not with the first call after it: a node that nobody sends
    /// requests to could never find out.
    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open(self.0.clock.now(), &self.0.policy)
    }

    fn enter(&self) -> Result<Entered<'_>, UpstreamError> {
        let entry = self.state().enter(self.0.clock.now(), &self.0.policy);
        let entry = entry.map_err(|retry_after_s| UpstreamError::Paused { retry_after_s })?;
        Ok(Entered { breaker: self, entry })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a call says about the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Works,
    Fails,
}

impl Verdict {
    /// `None` if nothing was sent.
    fn of<T>(result: &Result<T, Error>) -> Option<Self> {
        match result {
            Err(Error::Server(_) | Error::Network { .. } | Error::UnreadableAnswer { .. }) => Some(Self::Fails),
            Err(Error::InvalidRedirect(_) | Error::Credentials(_)) => None,
            Ok(_) | Err(_) => Some(Self::Works),
        }
    }
}

/// A call that is under way.
struct Entered<'a> {
    breaker: &'a Breaker,
    entry: u64,
}

impl Entered<'_> {
    fn tell(&self, verdict: Verdict) {
        let Parts { policy, clock, .. } = &*self.breaker.0;
        let change = self.breaker.state().tell(self.entry, verdict, clock.now(), policy);
        match change {
            Some(Change::Opened) => tracing::warn!("the API keeps failing; it is not asked for {:#}", policy.pause),
            Some(Change::Closed) => tracing::info!("the API answers again"),
            None => {}
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.breaker.state().leave(self.entry);
    }
}
