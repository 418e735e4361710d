//! At most one log line per period, however often its cause occurs.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lets one line per period through and counts the others. For a `static` beside the line.
#[derive(Debug)]
pub struct LogLimit {
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl LogLimit {
    /// One line a second.
    #[must_use]
    pub const fn new() -> Self {
        Self::every(Duration::from_secs(1))
    }

    /// One line per `period`.
    #[must_use]
    pub const fn every(period: Duration) -> Self {
        Self { period, state: Mutex::new(State { last: None, left_out: 0 }) }
    }

    /// Whether to write a line now: `Some` with the number of lines left out since the last one, or `None`.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.period) {
            state.left_out += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.left_out))
    }
}

impl Default for LogLimit {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::LogLimit;

    #[test]
    fn one_line_a_second_carries_the_count_of_the_others() {
        let (limit, start) = (LogLimit::new(), Instant::now());
        let admitted = [0, 1, 999, 1000, 1001, 5000].map(|ms| limit.admit(start + Duration::from_millis(ms)));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
