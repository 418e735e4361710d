//! How much of a provider one environment's app may use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{DevId, Provider};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    alarm::{Alarms, FailingProvider, RefusedApp},
    plan::after,
};
use crate::provider::{RefreshError, RefreshPolicy};

/// How long a place is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
const DOUBLINGS: u32 = 5;
/// For how many minutes turns are given out.
const QUEUE: u32 = 10;

/// The gates of this node. Each node keeps to the budget by itself.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<(DevId, Provider), Arc<Gate>>>);

/// Before one provider, for the app of one environment.
pub(super) struct Gate {
    places: Arc<Semaphore>,
    /// For the calls after refreshes, so that none of these takes a place that a refresh waits for.
    confirming: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    closed_until: Timestamp,
    refusals: u32,
    minute: Timestamp,
    begun: u32,
    /// How many were told to come in a later minute.
    queued: u32,
    alarms: Alarms,
}

impl Gates {
    pub(super) fn of(&self, dev_id: &DevId, provider: &Provider, policy: &RefreshPolicy) -> Arc<Gate> {
        let mut gates = lock(&self.0);
        let gate = gates.entry((dev_id.clone(), provider.clone())).or_insert_with(|| {
            Arc::new(Gate {
                places: Arc::new(Semaphore::new(policy.at_once.max(1) as usize)),
                confirming: Arc::new(Semaphore::new(policy.at_once.max(1) as usize)),
                state: Mutex::new(State::new(Alarms::new(dev_id.clone(), provider.clone()))),
            })
        });
        Arc::clone(gate)
    }

    /// Whom providers refuse, in no order.
    pub(super) fn refused(&self) -> Vec<RefusedApp> {
        lock(&self.0).values().filter_map(|gate| lock(&gate.state).alarms.refused()).collect()
    }

    /// Who fails, in no order.
    pub(super) fn failing(&self) -> Vec<FailingProvider> {
        lock(&self.0).values().filter_map(|gate| lock(&gate.state).alarms.failing()).collect()
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

    /// Waits for a place for the call after a refresh; `None` where there is none before long.
    pub(super) async fn enter_to_confirm(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(PATIENCE, Arc::clone(&self.confirming).acquire_owned()).await.ok()?.ok()
    }

    /// Draws a conclusion from a failure; answers until when the gate is closed.
    pub(super) fn failed(&self, error: &RefreshError, now: Timestamp) -> Timestamp {
        let mut state = lock(&self.state);
        match error {
            RefreshError::Throttled { retry_after } => {
                let pause = retry_after.unwrap_or(MINUTE).clamp(SignedDuration::from_secs(1), LONGEST_PAUSE);
                state.closed_until = state.closed_until.max(after(now, pause));
                state.alarms.answers();
            }
            RefreshError::AppRefused { code } => {
                state.alarms.answers();
                state.refuses(code, now);
            }
            RefreshError::Unknown => state.refuses("unknown_provider", now),
            RefreshError::GrantRefused { .. } => state.accepts(),
            RefreshError::Untouched(_) | RefreshError::Lost(_) | RefreshError::Unreadable => state.alarms.fails(now),
        }
        state.closed_until
    }

    /// The provider answered as it does to an app that it knows.
    pub(super) fn succeeded(&self) {
        lock(&self.state).accepts();
    }
}

impl State {
    fn new(alarms: Alarms) -> Self {
        let (closed_until, minute) = (Timestamp::default(), Timestamp::default());
        Self { closed_until, refusals: 0, minute, begun: 0, queued: 0, alarms }
    }

    fn refuses(&mut self, code: &str, now: Timestamp) {
        self.alarms.refuses(code, now);
        if now >= self.closed_until {
            self.refusals = self.refusals.saturating_add(1);
            self.closed_until = after(now, FIRST_PAUSE * (1 << (self.refusals - 1).min(DOUBLINGS)));
        }
    }

    fn accepts(&mut self) {
        self.refusals = 0;
        self.alarms.accepts();
    }

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
