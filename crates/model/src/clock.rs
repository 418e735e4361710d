//! The only ways to the time and to random bytes.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Measures how much time has passed, whatever the wall clock says.
pub trait SteadyClock: Send + Sync + 'static {
    /// The time since some fixed instant. It never decreases, and it counts the time in which the process was stopped or the
    /// machine was suspended.
    fn elapsed(&self) -> Duration;
}

/// Gives random bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` with random ones, fit for keys.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the Clock that everybody else asks")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The machine's time since it was started: `CLOCK_BOOTTIME` on Linux, `CLOCK_MONOTONIC` elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSteadyClock;

impl SteadyClock for SystemSteadyClock {
    fn elapsed(&self) -> Duration {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(CLOCK);
        let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
    }
}

/// The machine's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without random bytes nothing may go on")]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the machine gives random bytes");
    }
}

impl dyn Entropy {
    /// Draws `N` bytes.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// Draws an id that tells nothing, not even when it was made.
    #[must_use]
    pub fn id(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// Draws an id that sorts by the time of its making.
    #[must_use]
    pub fn id_at(&self, now: Timestamp) -> Uuid {
        let ms = u64::try_from(now.as_millisecond()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(ms, &self.bytes()).into_uuid()
    }
}
