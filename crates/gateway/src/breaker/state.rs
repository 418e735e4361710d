use jiff::{SignedDuration, Timestamp};

use super::Verdict;

/// The number of failures in a row that open the breaker, and the length of the pause.
pub(super) struct Policy {
    pub(super) failures: u32,
    pub(super) pause: SignedDuration,
}

/// The state of the breaker.
#[derive(Default)]
pub(super) struct State {
    phase: Phase,
    /// Incremented with each phase, so a call that started in an earlier phase changes nothing.
    entry: u64,
}

enum Phase {
    Closed {
        failures: u32,
    },
    Open {
        since: Timestamp,
    },
    /// One trial call is in flight.
    HalfOpen {
        open_since: Timestamp,
    },
}

/// A change that is logged for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Calls are paused.
    Opened,
    /// Calls resume.
    Closed,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl State {
    /// Admits a call and returns the phase number that [`record`](Self::record) and
    /// [`release`](Self::release) need. The error is the number of seconds until the next call is
    /// admitted.
    pub(super) fn enter(&mut self, now: Timestamp, policy: &Policy) -> Result<u64, u32> {
        match self.phase {
            Phase::Closed { .. } => {}
            Phase::HalfOpen { .. } => return Err(1),
            Phase::Open { since } => match policy.remaining(since, now) {
                Some(seconds) => return Err(seconds),
                None => self.transition(Phase::HalfOpen { open_since: since }),
            },
        }
        Ok(self.entry)
    }

    /// Records the result of a call.
    pub(super) fn record(&mut self, entry: u64, verdict: Verdict, now: Timestamp, policy: &Policy) -> Option<Change> {
        if entry != self.entry {
            return None;
        }
        match (&mut self.phase, verdict) {
            (Phase::Open { .. }, _) => None,
            (Phase::Closed { failures }, Verdict::Works) => {
                *failures = 0;
                None
            }
            (Phase::Closed { failures }, Verdict::Fails) => {
                *failures += 1;
                if *failures < policy.failures {
                    return None;
                }
                self.transition(Phase::Open { since: now });
                Some(Change::Opened)
            }
            (Phase::HalfOpen { .. }, Verdict::Works) => {
                self.transition(Phase::default());
                Some(Change::Closed)
            }
            (Phase::HalfOpen { .. }, Verdict::Fails) => {
                self.transition(Phase::Open { since: now });
                None
            }
        }
    }

    /// Ends a call, whether or not it recorded a result. If it was a trial without a result, the
    /// next call becomes the trial.
    pub(super) fn release(&mut self, entry: u64) {
        if let Phase::HalfOpen { open_since } = self.phase
            && entry == self.entry
        {
            self.transition(Phase::Open { since: open_since });
        }
    }

    pub(super) fn is_open(&self, now: Timestamp, policy: &Policy) -> bool {
        match self.phase {
            Phase::Closed { .. } => false,
            Phase::Open { since } => policy.remaining(since, now).is_some(),
            Phase::HalfOpen { .. } => true,
        }
    }

    fn transition(&mut self, phase: Phase) {
        self.phase = phase;
        self.entry += 1;
    }
}

impl Policy {
    /// Seconds until the pause is over, rounded up. If the clock was set back, the pause is over.
    fn remaining(&self, since: Timestamp, now: Timestamp) -> Option<u32> {
        let left = self.pause - now.duration_since(since);
        let runs = left.is_positive() && left <= self.pause;
        let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
        runs.then(|| u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}
