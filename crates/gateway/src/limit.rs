//! How often an end user, and all of them together, may ask.

mod bucket;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use terra_auth_core::clock::Clock;
use terra_auth_types::ReferenceId;

use crate::settings::LimitSettings;
use bucket::{Bucket, Quota, SECOND};

const USER_PER_MINUTE: u32 = 60;
const ALL_PER_SECOND: u32 = 5000;
/// How many end users are remembered before those with nothing to remember are looked for.
const SWEEP_FROM: usize = 10_000;
const SWEEP_EVERY: i128 = 60 * SECOND;

/// Lets requests through as long as their end user, and all together, have asked little enough.
///
/// An end user takes room only while his bucket is not full, and only once he was let in: memory is bounded by what all
/// together may ask.
pub(crate) struct Limits {
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

/// What an end user may still ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    quota: u32,
    window_s: u32,
    remaining: u32,
    full_in_s: u32,
}

/// Asked too often, or everybody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests; try again in {retry_after_s} s")]
pub(crate) struct TooMany {
    /// At least 1.
    pub(crate) retry_after_s: u32,
    pub(crate) standing: Standing,
}

impl Limits {
    pub(crate) fn new(settings: &LimitSettings, clock: Arc<dyn Clock>) -> Self {
        let user = settings.user_per_minute.map_or(USER_PER_MINUTE, NonZeroU32::get);
        let all = settings.all_per_second.map_or(ALL_PER_SECOND, NonZeroU32::get);
        let (user, all) = (Quota { requests: user, window_s: 60 }, Quota { requests: all, window_s: 1 });
        Self { user, all, clock, buckets: Mutex::default() }
    }

    /// Counts a request of `caller`, unless it is refused: what is refused costs nobody anything.
    pub(crate) fn admit(&self, caller: &ReferenceId) -> Result<Standing, TooMany> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().as_nanosecond();
        buckets.sweep(now);
        let mut user = self.user.at(now, buckets.users.get(caller).copied().unwrap_or_default());
        let mut all = self.all.at(now, buckets.all);
        let wait = Some(user.wait()).filter(|wait| *wait > 0).unwrap_or_else(|| all.wait());
        if wait == 0 {
            user.take();
            all.take();
        }
        buckets.all = all.bucket;
        if !user.is_full() {
            buckets.users.insert(caller.clone(), user.bucket);
        }
        let standing = Standing::of(&user);
        if wait == 0 { Ok(standing) } else { Err(TooMany { retry_after_s: bucket::seconds(wait), standing }) }
    }
}

impl Buckets {
    /// Forgets whose buckets are full again; looks at everybody, so it happens rarely.
    fn sweep(&mut self, now: i128) {
        if self.users.len() > SWEEP_FROM && (now - self.swept_at).abs() >= SWEEP_EVERY {
            self.swept_at = now;
            self.users.retain(|_, bucket| bucket.full_at > now);
            self.users.shrink_to_fit();
        }
    }
}

impl Standing {
    fn of(user: &bucket::Level) -> Self {
        let Quota { requests, window_s } = user.quota;
        Self { quota: requests, window_s, remaining: user.remaining(), full_in_s: bucket::seconds(user.debt()) }
    }

    /// Tells it in an answer's headers; `t` is when all of the quota is there again.
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
