use jiff::{SignedDuration, Timestamp};

use super::Verdict;

/// After how many failures in a row calls stop, and for how long.
pub(super) struct Policy {
    pub(super) failures: u32,
    pub(super) pause: SignedDuration,
}

/// The known state of the upstream.
#[derive(Default)]
pub(super) struct State {
    phase: Phase,
    /// Counts the phases, so that a call that began in an earlier one decides nothing.
    entry: u64,
}

enum Phase {
    Closed {
        failures: u32,
    },
    Open {
        since: Timestamp,
    },
    /// One call is finding out.
    HalfOpen {
        open_since: Timestamp,
    },
}

/// Something that the operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// No calls for a while.
    Opened,
    /// All calls again.
    Closed,
}

impl Default for Phase {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl State {
    /// Lets a call in and says what to tell its end with, or for how many seconds none is let in.
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

    /// Takes what a call found out.
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

    /// A call is over, whether it told anything or not: if it was to find out, the next one may.
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
    /// Whole seconds, rounded up, until the pause is over. A clock that was set back ends it.
    fn remaining(&self, since: Timestamp, now: Timestamp) -> Option<u32> {
        let left = self.pause - now.duration_since(since);
        let runs = left.is_positive() && left <= self.pause;
        let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
        runs.then(|| u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}
