use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::key_set::KeySet;

/// Keys older than this are refreshed while they stay valid.
const FRESH_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Keys older than this are invalid.
const USABLE_FOR: SignedDuration = SignedDuration::from_hours(24);
/// The pause between two fetches that tokens with unknown keys can cause.
const UNKNOWN_KEY_RETRY: SignedDuration = SignedDuration::from_secs(30);
/// The pause after a failed fetch.
const FAILURE_RETRY: SignedDuration = SignedDuration::from_secs(5);

/// The reason for a fetch.
#[derive(Clone, Copy, Debug)]
pub(super) enum FetchReason {
    /// There are no valid keys.
    Keys,
    /// The keys may be out of date.
    Newer,
    /// A request that began at this time names an unknown key.
    UnknownKey { began: Timestamp },
}

/// The cached keys of an issuer.
#[derive(Default)]
pub(super) struct State {
    /// The keys and the time when their fetch began; never an empty set.
    last_good: Option<(Arc<KeySet>, Timestamp)>,
    sought_unknown_at: Option<Timestamp>,
    /// When the last fetch failed or returned no usable key; `None` if it succeeded.
    pub(super) failed_at: Option<Timestamp>,
}

impl State {
    /// The valid keys.
    pub(super) fn keys(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        let (keys, fetched_at) = self.last_good.as_ref()?;
        within(USABLE_FOR, *fetched_at, now).then(|| Arc::clone(keys))
    }

    /// Whether `need` requires a fetch now.
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

    /// Records the result of a fetch that began at `began`. An issuer that publishes no key any
    /// more has withdrawn all of them.
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

/// Whether `now` is less than `limit` after `instant`. If the clock was set back, the answer is no.
fn within(limit: SignedDuration, instant: Timestamp, now: Timestamp) -> bool {
    (SignedDuration::ZERO..limit).contains(&now.duration_since(instant))
}
