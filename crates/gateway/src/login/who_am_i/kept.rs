use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::{Cache, PlaceholderGuard};
use sha2::{Digest as _, Sha256};

use super::answer::{Nobody, Outcome};

const CAPACITY: usize = 10_000;
/// Whoever has just logged in is not told for long that he has not.
const REFUSAL_COUNTS: SignedDuration = SignedDuration::from_secs(1);
/// Whoever only tries waits longer.
const REFUSAL_OF_TRIES_COUNTS: SignedDuration = SignedDuration::from_secs(10);

/// What was shown, as a digest: the cache holds no cookie.
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
pub(super) struct Kept {
    outcome: Outcome,
    at: Timestamp,
    /// Whether it was given to one who only brings refusals.
    tries: bool,
}

impl Kept {
    pub(super) fn new(outcome: Outcome, at: Timestamp, tries: bool) -> Self {
        Self { outcome, at, tries }
    }
}

/// The answers of the last moments.
pub(super) struct Memory {
    kept: Cache<Key, Kept>,
    counts_for: SignedDuration,
}

type Promise<'a> = PlaceholderGuard<
    'a,
    Key,
    Kept,
    quick_cache::UnitWeighter,
    quick_cache::DefaultHashBuilder,
    quick_cache::sync::DefaultLifecycle<Key, Kept>,
>;

impl Memory {
    pub(super) fn new(counts_for: SignedDuration) -> Self {
        Self { kept: Cache::new(CAPACITY), counts_for }
    }

    /// An answer that still counts. Without one, the first to come promises to ask; the others wait and get the same answer,
    /// whatever it is.
    pub(super) async fn recall(&self, key: &Key, now: Timestamp) -> Result<Outcome, Promise<'_>> {
        self.kept.remove_if(key, |kept| !self.counts(kept, now));
        self.kept.get_value_or_guard_async(key).await.map(|kept| kept.outcome)
    }

    /// A clock that was set back makes an answer count no longer.
    fn counts(&self, kept: &Kept, now: Timestamp) -> bool {
        let counts_for = match kept.outcome {
            Ok(_) => self.counts_for,
            Err(Nobody::Refused(_)) if kept.tries => REFUSAL_OF_TRIES_COUNTS,
            Err(Nobody::Refused(_)) => self.counts_for.min(REFUSAL_COUNTS),
            Err(Nobody::Unavailable(_)) => SignedDuration::ZERO,
        };
        (SignedDuration::ZERO..counts_for).contains(&now.duration_since(kept.at))
    }
}
