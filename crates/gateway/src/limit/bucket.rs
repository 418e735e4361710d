pub(super) const SECOND: i128 = 1_000_000_000;

/// Whole seconds, rounded up.
pub(super) fn seconds(nanoseconds: i128) -> u32 {
    u32::try_from((nanoseconds + SECOND - 1) / SECOND).unwrap_or(u32::MAX)
}

/// So many requests may come at once, and as many again in each window.
#[derive(Clone, Copy)]
pub(super) struct Quota {
    pub(super) requests: u32,
    pub(super) window_s: u32,
}

/// Requests that may come. Instants are nanoseconds since 1970.
#[derive(Clone, Copy, Default)]
pub(super) struct Bucket {
    /// Each request puts this off, and time catches up with it.
    pub(super) full_at: i128,
}

/// A bucket as it is at one instant.
pub(super) struct Level {
    pub(super) quota: Quota,
    pub(super) bucket: Bucket,
    now: i128,
}

impl Quota {
    /// A clock that was set back makes a bucket empty at worst.
    pub(super) fn at(self, now: i128, Bucket { full_at }: Bucket) -> Level {
        let full_at = full_at.clamp(now, now + self.capacity());
        Level { quota: self, bucket: Bucket { full_at }, now }
    }

    /// How long one request takes to come back.
    fn each(self) -> i128 {
        (i128::from(self.window_s) * SECOND / i128::from(self.requests)).max(1)
    }

    fn capacity(self) -> i128 {
        self.each() * i128::from(self.requests)
    }
}

impl Level {
    /// How long until one request may come; 0 if one may.
    pub(super) fn wait(&self) -> i128 {
        (self.debt() + self.quota.each() - self.quota.capacity()).max(0)
    }

    pub(super) fn take(&mut self) {
        self.bucket.full_at += self.quota.each();
    }

    /// How long until the bucket is full.
    pub(super) fn debt(&self) -> i128 {
        self.bucket.full_at - self.now
    }

    pub(super) fn is_full(&self) -> bool {
        self.debt() == 0
    }

    pub(super) fn remaining(&self) -> u32 {
        let left = (self.quota.capacity() - self.debt()) / self.quota.each();
        u32::try_from(left).unwrap_or_default()
    }
}
