//! A circuit breaker for calls to Terra's API: while the API keeps failing, calls fail at once and
//! the API can recover.

mod state;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::SignedDuration;
use terra_auth::Error;
use terra_auth_model::clock::Clock;

use crate::settings::UpstreamSettings;
use state::{Change, Policy, State};

const FAILURES: u32 = 5;
const PAUSE_S: u32 = 5;

/// Closed until several calls in a row have failed. Open for a pause: no call is made. Half-open
/// afterwards: one trial call decides. Cloning is cheap; all clones share the state.
#[derive(Clone)]
pub(crate) struct Breaker(Arc<Inner>);

struct Inner {
    policy: Policy,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// The reason why there is no response from the upstream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// No call was made: the breaker is open, or another caller's trial call is in flight.
    #[error("the API does not respond; calls are paused for {retry_after_s} s")]
    Paused {
        /// At least 1.
        retry_after_s: u32,
    },
    /// The result of the call.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Breaker {
    pub(crate) fn new(settings: &UpstreamSettings, clock: Arc<dyn Clock>) -> Self {
        let failures = settings.failures.map_or(FAILURES, NonZeroU32::get);
        let pause = SignedDuration::from_secs(settings.pause_s.map_or(PAUSE_S, NonZeroU32::get).into());
        Self(Arc::new(Inner { policy: Policy { failures, pause }, clock, state: Mutex::default() }))
    }

    /// Runs `work`, unless the breaker is open. A cancelled call is not counted.
    pub(crate) async fn call<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, UpstreamError> {
        let entered = self.enter()?;
        let result = work.await;
        if let Some(verdict) = Verdict::of(&result) {
            entered.record(verdict);
        }
        Ok(result?)
    }

    /// Whether calls are rejected now. This ends with the pause, not with the first call after it:
    /// a node that gets no requests would stay open.
    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open(self.0.clock.now(), &self.0.policy)
    }

    fn enter(&self) -> Result<Permit<'_>, UpstreamError> {
        let entry = self.state().enter(self.0.clock.now(), &self.0.policy);
        let entry = entry.map_err(|retry_after_s| UpstreamError::Paused { retry_after_s })?;
        Ok(Permit { breaker: self, entry })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a call shows that the upstream works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Works,
    Fails,
}

impl Verdict {
    /// `None` if no request was sent.
    fn of<T>(result: &Result<T, Error>) -> Option<Self> {
        match result {
            Err(Error::Server(_) | Error::Network { .. } | Error::UnreadableResponse { .. }) => Some(Self::Fails),
            Err(Error::InvalidRedirect(_) | Error::Credentials(_)) => None,
            Ok(_) | Err(_) => Some(Self::Works),
        }
    }
}

/// A call in flight; dropping it releases the trial.
struct Permit<'a> {
    breaker: &'a Breaker,
    entry: u64,
}

impl Permit<'_> {
    fn record(&self, verdict: Verdict) {
        let Inner { policy, clock, .. } = &*self.breaker.0;
        let change = self.breaker.state().record(self.entry, verdict, clock.now(), policy);
        match change {
            Some(Change::Opened) => tracing::warn!("the API keeps failing; calls are paused for {:#}", policy.pause),
            Some(Change::Closed) => tracing::info!("the API responds again; calls resume"),
            None => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.breaker.state().release(self.entry);
    }
}
