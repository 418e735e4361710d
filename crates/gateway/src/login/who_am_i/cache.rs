use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::{Cache, PlaceholderGuard};
use sha2::{Digest as _, Sha256};

use super::response::{Lookup, LookupError};

const CAPACITY: usize = 10_000;
/// A user who has just logged in is not rejected for long.
const REFUSAL_TTL: SignedDuration = SignedDuration::from_secs(1);
/// A caller that only tries waits longer.
const REPEATED_REFUSAL_TTL: SignedDuration = SignedDuration::from_secs(10);

/// The digest of the request's credentials: the cache stores no cookie.
pub(super) type Key = [u8; 32];

/// A digest of headers, which no other headers share.
pub(super) fn key(shown: &HeaderMap) -> Key {
    let mut digest = Sha256::new();
    for (name, value) in shown {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    digest.finalize().into()
}

/// An answer and when it was given.
#[derive(Clone)]
pub(super) struct CachedLookup {
    outcome: Lookup,
    at: Timestamp,
    /// Whether it was given to one who only brings refusals.
    tries: bool,
}

impl CachedLookup {
    pub(super) fn new(outcome: Lookup, at: Timestamp, tries: bool) -> Self {
        Self { outcome, at, tries }
    }
}

/// The answers of the last moments.
pub(super) struct LookupCache {
    kept: Cache<Key, CachedLookup>,
    counts_for: SignedDuration,
}

type Promise<'a> = PlaceholderGuard<
    'a,
    Key,
    CachedLookup,
    quick_cache::UnitWeighter,
    quick_cache::DefaultHashBuilder,
    quick_cache::sync::DefaultLifecycle<Key, CachedLookup>,
>;

impl LookupCache {
    pub(super) fn new(counts_for: SignedDuration) -> Self {
        Self { kept: Cache::new(CAPACITY), counts_for }
    }

    /// An answer that still counts. Without one, the first to come promises to ask; the others wait and get the same answer,
    /// whatever it is.
    pub(super) async fn recall(&self, key: &Key, now: Timestamp) -> Result<Lookup, Promise<'_>> {
        self.kept.remove_if(key, |kept| !self.is_valid_at(kept, now));
        self.kept.get_value_or_guard_async(key).await.map(|kept| kept.outcome)
    }

    /// A clock that was set back makes an answer count no longer.
    fn is_valid_at(&self, kept: &CachedLookup, now: Timestamp) -> bool {
        let counts_for = match kept.outcome {
            Ok(_) => self.counts_for,
            Err(LookupError::Refused(_)) if kept.tries => REPEATED_REFUSAL_TTL,
            Err(LookupError::Refused(_)) => self.counts_for.min(REFUSAL_TTL),
            Err(LookupError::Unavailable(_)) => SignedDuration::ZERO,
        };
        (SignedDuration::ZERO..counts_for).contains(&now.duration_since(kept.at))
    }
}
