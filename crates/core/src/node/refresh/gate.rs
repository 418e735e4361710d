//! Limits the calls to a provider for the app of one environment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::provider::{RefreshError, RefreshPolicy};
use terra_auth_types::{DevId, Provider};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::node::refresh::{
    alarm::{Alarms, FailingProvider, RefusedApp},
    plan::after,
};

/// How long to wait for a permit.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(10);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const MAX_PAUSE: SignedDuration = SignedDuration::from_hours(1);
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
const MAX_PAUSE_DOUBLINGS: u32 = 5;
/// The number of minutes over which waiting refreshes are spread.
const MAX_QUEUE_MINUTES: u32 = 10;

/// The gates of this node. Each node applies the limits by itself.
#[derive(Default)]
pub(crate) struct Gates(Mutex<HashMap<(DevId, Provider), Arc<Gate>>>);

/// The gate of one provider, for the app of one environment.
pub(crate) struct Gate {
    refresh_permits: Arc<Semaphore>,
    /// Permits for confirmation calls, which must not take the permits of refreshes.
    confirmation_permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    closed_until: Timestamp,
    refusals: u32,
    minute: Timestamp,
    begun: u32,
    /// The number of refreshes that were postponed to a later minute.
    queued: u32,
    alarms: Alarms,
}

impl Gates {
    pub(crate) fn gate_for(&self, dev_id: &DevId, provider: &Provider, policy: &RefreshPolicy) -> Arc<Gate> {
        let mut gates = lock(&self.0);
        let gate = gates.entry((dev_id.clone(), provider.clone())).or_insert_with(|| {
            Arc::new(Gate {
                refresh_permits: Arc::new(Semaphore::new(policy.max_in_flight.max(1) as usize)),
                confirmation_permits: Arc::new(Semaphore::new(policy.max_in_flight.max(1) as usize)),
                state: Mutex::new(State::new(Alarms::new(dev_id.clone(), provider.clone()))),
            })
        });
        Arc::clone(gate)
    }

    /// The apps that providers refuse, in no particular order.
    pub(crate) fn refused(&self) -> Vec<RefusedApp> {
        lock(&self.0).values().filter_map(|gate| lock(&gate.state).alarms.refused()).collect()
    }

    /// The failing providers, in no particular order.
    pub(crate) fn failing(&self) -> Vec<FailingProvider> {
        lock(&self.0).values().filter_map(|gate| lock(&gate.state).alarms.failing()).collect()
    }
}

impl Gate {
    /// Waits for a permit, or returns when to try again.
    pub(crate) async fn acquire(
        &self,
        policy: &RefreshPolicy,
        now: Timestamp,
    ) -> Result<OwnedSemaphorePermit, Timestamp> {
        lock(&self.state).check(policy, now)?;
        let place = tokio::time::timeout(PERMIT_TIMEOUT, Arc::clone(&self.refresh_permits).acquire_owned()).await;
        let place = place.ok().and_then(Result::ok).ok_or_else(|| after(now, FIRST_PAUSE))?;
        let mut state = lock(&self.state);
        state.check(policy, now)?;
        state.begun = state.begun.saturating_add(1);
        Ok(place)
    }

    /// Waits for a permit for a confirmation call; `None` if there is none in time.
    pub(crate) async fn acquire_for_confirmation(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(PERMIT_TIMEOUT, Arc::clone(&self.confirmation_permits).acquire_owned()).await.ok()?.ok()
    }

    /// Updates the gate and the alarms after a failure; returns until when the gate is closed.
    pub(crate) fn failed(&self, error: &RefreshError, now: Timestamp) -> Timestamp {
        let mut state = lock(&self.state);
        match error {
            RefreshError::Throttled { retry_after } => {
                let pause = retry_after.unwrap_or(MINUTE).clamp(SignedDuration::from_secs(1), MAX_PAUSE);
                state.closed_until = state.closed_until.max(after(now, pause));
                state.alarms.record_response();
            }
            RefreshError::AppRefused { code } => {
                state.alarms.record_response();
                state.refuses(code, now);
            }
            RefreshError::Unknown => state.refuses("unknown_provider", now),
            RefreshError::GrantRefused { .. } => state.accepts(),
            RefreshError::NotReached(_) | RefreshError::AnswerLost(_) | RefreshError::Unreadable => {
                state.alarms.record_failure(now);
            }
        }
        state.closed_until
    }

    /// Updates the gate and the alarms after the provider accepted the app.
    pub(crate) fn succeeded(&self) {
        lock(&self.state).accepts();
    }
}

impl State {
    fn new(alarms: Alarms) -> Self {
        let (closed_until, minute) = (Timestamp::default(), Timestamp::default());
        Self { closed_until, refusals: 0, minute, begun: 0, queued: 0, alarms }
    }

    fn refuses(&mut self, code: &str, now: Timestamp) {
        self.alarms.record_refusal(code, now);
        if now >= self.closed_until {
            self.refusals = self.refusals.saturating_add(1);
            self.closed_until = after(now, FIRST_PAUSE * (1 << (self.refusals - 1).min(MAX_PAUSE_DOUBLINGS)));
        }
    }

    fn accepts(&mut self) {
        self.refusals = 0;
        self.alarms.record_acceptance();
    }

    fn check(&mut self, policy: &RefreshPolicy, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.closed_until {
            return Err(self.closed_until);
        }
        policy.max_per_minute.map_or(Ok(()), |most| self.take_turn_in_minute(most.max(1), now))
    }

    /// Whether one more of `most` refreshes may begin in this minute; otherwise returns when. Waiting refreshes
    /// are spread over the next minutes, so that they do not all try again in each of them.
    fn take_turn_in_minute(&mut self, most: u32, now: Timestamp) -> Result<(), Timestamp> {
        let passed = now.duration_since(self.minute).as_mins();
        if passed != 0 || now < self.minute {
            let came = u32::try_from(passed).unwrap_or(u32::MAX).saturating_mul(most);
            (self.minute, self.begun, self.queued) = (now, 0, self.queued.saturating_sub(came));
        }
        if self.begun < most {
            return Ok(());
        }
        let wait = (self.queued / most).min(MAX_QUEUE_MINUTES - 1) + 1;
        self.queued = self.queued.saturating_add(1).min(most.saturating_mul(MAX_QUEUE_MINUTES));
        Err(after(self.minute, SignedDuration::from_mins(wait.into())))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
