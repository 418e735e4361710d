//! Rate limits: per end user and in total.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, HeaderName, HeaderValue};

use terra_auth_model::{
    clock::Clock,
    rate_limit::{Bucket, BucketState, NANOS_PER_SECOND, Quota, seconds},
};

use terra_auth_types::ReferenceId;

use crate::settings::LimitSettings;

const USER_PER_MINUTE: u32 = 60;
const USER_WINDOW_S: u32 = 60;
const ALL_PER_SECOND: u32 = 5000;
/// The number of stored end users after which full buckets are deleted.
const SWEEP_FROM: usize = 10_000;
const SWEEP_EVERY: i128 = 60 * NANOS_PER_SECOND;

/// Admits requests within the limits per end user and in total.
///
/// An end user is stored only while their bucket is not full, and only after an admitted request. So the total limit bounds
/// the memory.
pub(crate) struct RateLimiter {
    user: Quota,
    all: Quota,
    clock: Arc<dyn Clock>,
    buckets: Mutex<Buckets>,
}

#[derive(Default)]
struct Buckets {
    users: HashMap<ReferenceId, Bucket>,
    all: Bucket,
    swept_at: i128,
}

/// The remaining requests of an end user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateLimitStatus {
    quota: u32,
    window_s: u32,
    remaining: u32,
    full_in_s: u32,
}

/// A limit is exceeded, per end user or in total.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {retry_after_s} s")]
pub(crate) struct TooMany {
    /// At least 1.
    pub(crate) retry_after_s: u32,
    pub(crate) status: RateLimitStatus,
}

impl RateLimiter {
    pub(crate) fn new(settings: &LimitSettings, clock: Arc<dyn Clock>) -> Self {
        let user = settings.user_per_minute.map_or(USER_PER_MINUTE, NonZeroU32::get);
        let all = settings.all_per_second.map_or(ALL_PER_SECOND, NonZeroU32::get);
        let (user, all) = (Quota::per_window(user, USER_WINDOW_S), Quota::per_window(all, 1));
        Self { user, all, clock, buckets: Mutex::default() }
    }

    /// Counts a request of `caller`. A rejected request is not counted.
    pub(crate) fn admit(&self, caller: &ReferenceId) -> Result<RateLimitStatus, TooMany> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().as_nanosecond();
        buckets.remove_idle(now);
        let user = self.user.at_wall_clock(now, buckets.users.get(caller).copied().unwrap_or_default());
        let all = self.all.at_wall_clock(now, buckets.all);
        let wait = Some(user.wait_ns()).filter(|wait| *wait > 0).unwrap_or_else(|| all.wait_ns());
        let taken = usize::from(wait == 0);
        buckets.all = all.after(taken);
        let user = self.user.at_wall_clock(now, user.after(taken));
        if !user.is_full() {
            buckets.users.insert(caller.clone(), user.bucket());
        }
        let status = RateLimitStatus::of(self.user, &user);
        if wait == 0 { Ok(status) } else { Err(TooMany { retry_after_s: seconds(wait), status }) }
    }
}

impl Buckets {
    /// Deletes full buckets. It scans all of them, so it runs rarely.
    fn remove_idle(&mut self, now: i128) {
        if self.users.len() > SWEEP_FROM && (now - self.swept_at).abs() >= SWEEP_EVERY {
            self.swept_at = now;
            self.users.retain(|_, bucket| bucket.theoretical_arrival_time > now);
            self.users.shrink_to_fit();
        }
    }
}

impl RateLimitStatus {
    fn of(quota: Quota, user: &BucketState) -> Self {
        let full_in_s = seconds(user.backlog_ns());
        Self { quota: quota.burst, window_s: USER_WINDOW_S, remaining: user.remaining(), full_in_s }
    }

    /// Adds the headers of the response; `t` is the time until the quota is complete again.
    ///
    /// Source: draft-ietf-httpapi-ratelimit-headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { quota, window_s, remaining, full_in_s } = self;
        let mut write = |name, text: String| {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        write("ratelimit-policy", format!(r#""user";q={quota};w={window_s}"#));
        write("ratelimit", format!(r#""user";r={remaining};t={full_in_s}"#));
    }
}
