//! Rate limits by the generic cell rate algorithm (GCRA): one instant per bucket, whatever the quota.
//!
//! A bucket stores its theoretical arrival time: the instant at which it is full again. Each unit moves it into the future
//! by the quota's interval. Instants are nanoseconds since any fixed instant.

use std::{sync::LazyLock, time::Instant};

/// Nanoseconds of a second.
pub const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// `burst` units may come at once; after that, one unit per interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Units at once, at most.
    pub burst: u32,
    interval_ns: i128,
}

impl Quota {
    /// `rate` units per second in the long run, and `burst` at once.
    #[must_use]
    pub const fn per_second(rate: u32, burst: u32) -> Self {
        Self { burst, interval_ns: interval_ns(rate, 1) }
    }

    /// `units` at once, and as many again in each window.
    #[must_use]
    pub const fn per_window(units: u32, window_s: u32) -> Self {
        Self { burst: units, interval_ns: interval_ns(units, window_s) }
    }

    /// The bucket at this instant.
    #[must_use]
    pub fn at(self, now: i128, bucket: Bucket) -> BucketState {
        BucketState { quota: self, now, arrival: bucket.theoretical_arrival_time.max(now) }
    }

    /// The same for a clock that can be set back: the bucket is empty at worst.
    #[must_use]
    pub fn at_wall_clock(self, now: i128, bucket: Bucket) -> BucketState {
        let state = self.at(now, bucket);
        BucketState { arrival: state.arrival.min(now + self.capacity_ns()), ..state }
    }

    fn capacity_ns(self) -> i128 {
        self.interval_ns * i128::from(self.burst)
    }
}

const fn interval_ns(units: u32, window_s: u32) -> i128 {
    let interval = window_s as i128 * NANOS_PER_SECOND / units as i128;
    if interval == 0 { 1 } else { interval }
}

/// Units that may still come; full at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When the bucket is full again.
    pub theoretical_arrival_time: i128,
}

impl Bucket {
    /// Takes `units` if there are as many; returns whether there were.
    pub fn take(&mut self, units: usize, quota: Quota, now: Instant) -> bool {
        let state = quota.at(nanoseconds(now), *self);
        let there_are = units_of(units) <= i128::from(state.remaining());
        if there_are {
            *self = state.after(units);
        }
        there_are
    }

    /// Whether at least one unit is left.
    #[must_use]
    pub fn has_room(&self, quota: Quota, now: Instant) -> bool {
        quota.at(nanoseconds(now), *self).wait_ns() == 0
    }

    /// Takes `units`, even if fewer are left: for a cost that is known afterwards.
    pub fn charge(&mut self, units: usize, quota: Quota, now: Instant) {
        *self = quota.at(nanoseconds(now), *self).after(units);
    }

    /// Whether no unit is missing.
    #[must_use]
    pub fn is_full(&self, quota: Quota, now: Instant) -> bool {
        quota.at(nanoseconds(now), *self).is_full()
    }
}

/// A bucket at one instant.
#[derive(Clone, Copy, Debug)]
pub struct BucketState {
    quota: Quota,
    now: i128,
    arrival: i128,
}

impl BucketState {
    /// Nanoseconds until one unit may come; 0 if one may come now.
    #[must_use]
    pub fn wait_ns(&self) -> i128 {
        (self.backlog_ns() + self.quota.interval_ns - self.quota.capacity_ns()).max(0)
    }

    /// Nanoseconds until the bucket is full.
    #[must_use]
    pub fn backlog_ns(&self) -> i128 {
        self.arrival - self.now
    }

    /// Whether no unit is missing.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.backlog_ns() == 0
    }

    /// Whole units that may come now.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        u32::try_from((self.quota.capacity_ns() - self.backlog_ns()) / self.quota.interval_ns).unwrap_or_default()
    }

    /// The bucket without these units.
    #[must_use]
    pub fn after(&self, units: usize) -> Bucket {
        Bucket { theoretical_arrival_time: self.arrival + self.quota.interval_ns * units_of(units) }
    }

    /// The bucket as it is.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        Bucket { theoretical_arrival_time: self.arrival }
    }
}

/// More units than any quota has count as `u32::MAX`.
fn units_of(units: usize) -> i128 {
    i128::from(u32::try_from(units).unwrap_or(u32::MAX))
}

/// Whole seconds, rounded up.
#[must_use]
pub fn seconds(nanoseconds: i128) -> u32 {
    u32::try_from((nanoseconds + NANOS_PER_SECOND - 1) / NANOS_PER_SECOND).unwrap_or(u32::MAX)
}

/// Nanoseconds since an instant long before this process, so that a new bucket is full.
fn nanoseconds(instant: Instant) -> i128 {
    const BEFORE_ORIGIN: i128 = 1 << 62;
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = |later: Instant, earlier: Instant| later.saturating_duration_since(earlier).as_nanos().cast_signed();
    BEFORE_ORIGIN + since(instant, *ORIGIN) - since(*ORIGIN, instant)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Bucket, Quota};

    const QUOTA: Quota = Quota::per_second(5, 200);

    #[test]
    fn a_burst_is_limited_and_units_come_back() {
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        let mut take = |units, seconds| bucket.take(units, QUOTA, start + Duration::from_secs(seconds));
        assert!(!take(201, 0));
        assert!(take(150, 0));
        assert!(!take(51, 0));
        assert!(take(50, 0));
        assert!(!take(6, 1));
        assert!(take(5, 1));
        assert!(!take(1, 0), "an earlier instant adds no units");
        assert!(take(200, 41));
    }

    #[test]
    fn a_cost_that_is_known_afterwards_can_exceed_the_quota() {
        let (mut bucket, start) = (Bucket::default(), Instant::now());
        bucket.charge(400, QUOTA, start);
        assert!(!bucket.has_room(QUOTA, start + Duration::from_secs(40)));
        assert!(bucket.has_room(QUOTA, start + Duration::from_secs(41)));
        assert!(!bucket.is_full(QUOTA, start + Duration::from_secs(79)));
        assert!(bucket.is_full(QUOTA, start + Duration::from_secs(80)));
    }

    #[test]
    fn a_clock_set_back_at_worst_empties_a_bucket() {
        let bucket = Bucket { theoretical_arrival_time: i128::from(u64::MAX) };
        assert_eq!(QUOTA.at_wall_clock(0, bucket).backlog_ns(), 40 * super::NANOS_PER_SECOND);
    }
}
