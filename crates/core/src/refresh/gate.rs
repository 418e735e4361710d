//! How much of a provider one environment's app may use, and the alarm when the provider refuses the app itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{DevId, Provider};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::plan::after;
use crate::provider::{RefreshError, RefreshPolicy};

/// How long a place is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
const DOUBLINGS: u32 = 5;
/// For how many minutes turns are given out.
const QUEUE: u32 = 10;

/// An app that its provider refuses: its credentials are wrong, or it was closed. No end user can mend that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedApp {
    /// Whose app it is.
    pub dev_id: DevId,
    /// Who refuses it.
    pub provider: Provider,
    /// The provider's error code.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// The gates of this node. Each node keeps to the budget by itself.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<(DevId, Provider), Arc<Gate>>>);

/// Before one provider, for the app of one environment.
pub(super) struct Gate {
    dev_id: DevId,
    provider: Provider,
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    closed_until: Timestamp,
    refused: Option<RefusedApp>,
    refusals: u32,
    minute: Timestamp,
    begun: u32,
    /// How many were told to come in a later minute.
    queued: u32,
}

impl Gates {
    pub(super) fn of(&self, dev_id: &DevId, provider: &Provider, policy: &RefreshPolicy) -> Arc<Gate> {
        let mut gates = lock(&self.0);
        let gate = gates.entry((dev_id.clone(), provider.clone())).or_insert_with(|| {
            Arc::new(Gate {
                dev_id: dev_id.clone(),
                provider: provider.clone(),
                places: Arc::new(Semaphore::new(policy.at_once.max(1) as usize)),
                state: Mutex::default(),
            })
        });
        Arc::clone(gate)
    }

    /// Whom providers refuse, in no order.
    pub(super) fn refused(&self) -> Vec<RefusedApp> {
        lock(&self.0).values().filter_map(|gate| lock(&gate.state).refused.clone()).collect()
    }
}

impl Gate {
    /// Waits for a place; an instant to come back where there is none before.
    pub(super) async fn enter(
        &self,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<OwnedSemaphorePermit, Timestamp> {
        lock(&self.state).check(policy, now)?;
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(|| after(now, FIRST_PAUSE))?;
        let mut state = lock(&self.state);
        state.check(policy, now)?;
        state.begun = state.begun.saturating_add(1);
        Ok(place)
    }

    /// Draws a conclusion from a failure; answers until when the gate is closed.
    pub(super) fn failed(&self, error: &RefreshError, now: Timestamp) -> Timestamp {
        let mut state = lock(&self.state);
        match error {
            RefreshError::Throttled { retry_after } => {
                let pause = retry_after.unwrap_or(MINUTE).clamp(SignedDuration::from_secs(1), LONGEST_PAUSE);
                state.closed_until = state.closed_until.max(after(now, pause));
            }
            RefreshError::AppRefused { code } => self.alarm(&mut state, code, now),
            RefreshError::Unknown => self.alarm(&mut state, "unknown_provider", now),
            RefreshError::GrantRefused { .. } => self.accepted(&mut state),
            RefreshError::Untouched(_) | RefreshError::Lost(_) | RefreshError::Unreadable => {}
        }
        state.closed_until
    }

    /// One line in the log, however many grants wait behind it.
    fn alarm(&self, state: &mut State, code: &str, now: Timestamp) {
        if state.refused.is_none() {
            tracing::error!(dev_id = %self.dev_id, provider = %self.provider, code,
                "{} refuses the app of {}: {code}; nothing is refreshed there until that is mended", self.provider, self.dev_id);
            let (dev_id, provider) = (self.dev_id.clone(), self.provider.clone());
            state.refused = Some(RefusedApp { dev_id, provider, code: code.to_owned(), since: now });
        }
        if now >= state.closed_until {
            state.refusals = state.refusals.saturating_add(1);
            state.closed_until = after(now, FIRST_PAUSE * (1 << (state.refusals - 1).min(DOUBLINGS)));
        }
    }

    /// The provider answered as it does to an app that it knows.
    pub(super) fn succeeded(&self) {
        self.accepted(&mut lock(&self.state));
    }

    fn accepted(&self, state: &mut State) {
        state.refusals = 0;
        if state.refused.take().is_some() {
            tracing::info!(dev_id = %self.dev_id, provider = %self.provider,
                "{} accepts the app of {} again", self.provider, self.dev_id);
        }
    }
}

impl State {
    fn check(&mut self, policy: &RefreshPolicy, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.closed_until {
            return Err(self.closed_until);
        }
        policy.per_minute.map_or(Ok(()), |most| self.turn(most.max(1), now))
    }

    /// Whether one more of `most` may begin in this minute, or when it is its turn. Those who wait are spread over the next
    /// minutes, so that not all of them come again in each of these.
    fn turn(&mut self, most: u32, now: Timestamp) -> Result<(), Timestamp> {
        let passed = now.duration_since(self.minute).as_mins();
        if passed != 0 || now < self.minute {
            let came = u32::try_from(passed).unwrap_or(u32::MAX).saturating_mul(most);
            (self.minute, self.begun, self.queued) = (now, 0, self.queued.saturating_sub(came));
        }
        if self.begun < most {
            return Ok(());
        }
        let wait = (self.queued / most).min(QUEUE - 1) + 1;
        self.queued = self.queued.saturating_add(1).min(most.saturating_mul(QUEUE));
        Err(after(self.minute, SignedDuration::from_mins(wait.into())))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
