//! Rate limit for log lines: at most one per period, however often its cause occurs.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Admits one line per period and counts the others. Use one `static` per log line.
#[derive(Debug)]
pub struct LogLimit {
    period: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    skipped: u64,
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
        Self { period, state: Mutex::new(State { last: None, skipped: 0 }) }
    }

    /// Returns `Some` with the number of lines skipped since the last one if a line may be written now, else `None`.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < self.period) {
            state.skipped += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.skipped))
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
    fn one_line_a_second_has_the_count_of_the_others() {
        let (limit, start) = (LogLimit::new(), Instant::now());
        let admitted = [0, 1, 999, 1000, 1001, 5000].map(|ms| limit.admit(start + Duration::from_millis(ms)));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
