use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::clock::{Clock, SteadyClock};

/// A clock that advances only when a test moves it. It starts at 2030-01-01T00:00:00Z.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// The start.
    pub const START: Timestamp = Timestamp::constant(1_893_456_000, 0);

    /// Moves the clock; backwards if the duration is negative.
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self(Mutex::new(Self::START))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SteadyClock for FixedClock {
    fn elapsed(&self) -> Duration {
        self.now().duration_since(Self::START).try_into().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use terra_auth_model::clock::Clock as _;

    use super::FixedClock;

    #[test]
    fn time_passes_when_a_test_says_so() {
        let clock = FixedClock::default();
        assert_eq!(clock.now().to_string(), "2030-01-01T00:00:00Z");
        clock.advance(SignedDuration::from_secs(900));
        assert_eq!(clock.now().to_string(), "2030-01-01T00:15:00Z");
    }
}
