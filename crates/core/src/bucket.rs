//! A token bucket: how much may happen at once, and how much in a second for ever.

use std::time::Instant;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) at_once: f64,
}

/// Full at first. It goes by a clock that never jumps.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    spent: f64,
    at: Option<Instant>,
}

impl Bucket {
    /// Takes `wanted` out; answers whether there was as much, and takes nothing if there was not.
    pub(crate) fn take(&mut self, wanted: usize, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        let wanted = u32::try_from(wanted).map_or(f64::INFINITY, f64::from);
        let there_is = self.spent + wanted <= rate.at_once;
        if there_is {
            self.spent += wanted;
        }
        there_is
    }

    /// Whether anything is left.
    pub(crate) fn has_room(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        self.spent < rate.at_once
    }

    /// Takes `spent` out, also more than is left: for what is known only afterwards.
    pub(crate) fn charge(&mut self, spent: usize, rate: Rate, now: Instant) {
        self.fill(rate, now);
        self.spent += u32::try_from(spent).map_or(f64::MAX, f64::from);
    }

    /// Whether nothing is taken out.
    pub(crate) fn is_full(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        self.spent <= 0.0
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let passed = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
        self.spent = (self.spent - passed * rate.per_second).max(0.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Bucket, Rate};

    const RATE: Rate = Rate { per_second: 5.0, at_once: 200.0 };

    #[test]
    fn a_flood_is_held_back_and_passes() {
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let mut take = |wanted, seconds| bucket.take(wanted, RATE, start + Duration::from_secs(seconds));
        assert!(!take(201, 0));
        assert!(take(150, 0));
        assert!(!take(51, 0));
        assert!(take(50, 0));
        assert!(!take(6, 1));
        assert!(take(5, 1));
        assert!(!take(1, 0), "an instant that is over gives nothing");
        assert!(take(200, 41));
    }
}
