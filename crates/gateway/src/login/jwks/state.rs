use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::key_set::KeySet;

/// Keys older than this are fetched again while they go on counting.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Keys older than this count no more.
const USABLE_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long tokens with unknown keys cause no fetch after one did.
const UNKNOWN_KEY_RETRY: SignedDuration = SignedDuration::from_secs(30);
/// How long nothing is fetched after a failure.
const FAILURE_RETRY: SignedDuration = SignedDuration::from_secs(5);

/// Why keys might be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) enum FetchReason {
    /// There are none that count.
    Keys,
    /// Those that there are might be out of date.
    Newer,
    /// A request that began at this instant names a key that is not among them.
    UnknownKey { began: Timestamp },
}

/// The known keys of an issuer.
#[derive(Default)]
pub(super) struct State {
    /// With the instant for which they are right; never empty.
    last_good: Option<(Arc<KeySet>, Timestamp)>,
    sought_unknown_at: Option<Timestamp>,
    /// When the last fetch brought nothing, if it did not.
    pub(super) failed_at: Option<Timestamp>,
}

impl State {
    /// The keys that count.
    pub(super) fn keys(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let (keys, fetched_at) = self.last_good.as_ref()?;
        within(USABLE_FOR, *fetched_at, now).then(|| Arc::clone(keys))
    }

    /// Whether `need` is reason enough for a fetch.
    pub(super) fn is_due(&self, need: FetchReason, now: Timestamp) -> bool {
        if self.failed_at.is_some_and(|failed_at| within(FAILURE_RETRY, failed_at, now)) {
            return false;
        }
        let fetched_at = self.last_good.as_ref().map(|(_, fetched_at)| *fetched_at);
        match need {
            FetchReason::Keys => self.keys(now).is_none(),
            FetchReason::Newer => self.failed_at.is_some() || !fetched_at.is_some_and(|at| within(FRESH_FOR, at, now)),
            FetchReason::UnknownKey { began } => {
                let pause = self.sought_unknown_at.is_some_and(|at| within(UNKNOWN_KEY_RETRY, at, now));
                !pause && fetched_at.is_none_or(|fetched_at| fetched_at < began)
            }
        }
    }

    /// Takes in what a fetch brought that began at `began`. An issuer that publishes no key any more takes all of them back.
    pub(super) fn record_fetch(&mut self, keys: Option<KeySet>, need: FetchReason, began: Timestamp, now: Timestamp) {
        if matches!(need, FetchReason::UnknownKey { .. }) {
            self.sought_unknown_at = Some(began);
        }
        self.failed_at = keys.as_ref().is_none_or(KeySet::is_empty).then_some(now);
        if let Some(keys) = keys {
            self.last_good = (!keys.is_empty()).then(|| (Arc::new(keys), began));
        }
    }
}

/// Whether `now` is less than `limit` after `instant`. A clock that was set back makes everything due.
fn within(limit: SignedDuration, instant: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..limit).contains(&now.duration_since(instant))
}
