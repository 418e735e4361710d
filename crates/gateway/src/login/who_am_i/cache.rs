use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::{Cache, PlaceholderGuard};
use sha2::{Digest as _, Sha256};

use super::response::{Lookup, LookupError};

const CAPACITY: usize = 10_000;
/// How long a rejection is cached. It is short, because the user may log in next.
const REFUSAL_TTL: SignedDuration = SignedDuration::from_secs(1);
/// How long a rejection is cached for a peer that has only rejections.
const REPEATED_REFUSAL_TTL: SignedDuration = SignedDuration::from_secs(10);

/// The digest of the request's credentials. The cache stores no cookies.
pub(super) type Key = [u8; 32];

/// Computes an unambiguous digest of headers.
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

/// A response and its time.
#[derive(Clone)]
pub(super) struct CachedLookup {
    outcome: Lookup,
    at: Timestamp,
    /// Whether it is for a peer that has only rejections.
    tries: bool,
}

impl CachedLookup {
    pub(super) fn new(outcome: Lookup, at: Timestamp, tries: bool) -> Self {
        Self { outcome, at, tries }
    }
}

/// The recent responses.
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

    /// Returns a valid response. Without one, the first caller asks the app; the others wait for the same response.
    pub(super) async fn recall(&self, key: &Key, now: Timestamp) -> Result<Lookup, Promise<'_>> {
        self.kept.remove_if(key, |kept| !self.is_valid_at(kept, now));
        self.kept.get_value_or_guard_async(key).await.map(|kept| kept.outcome)
    }

    /// Whether the response is still valid. After the clock was set back, it is not.
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
