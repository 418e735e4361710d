use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::key_set::KeySet;

/// Keys older than this are fetched again while they go on counting.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// Keys older than this count no more.
const USABLE: SignedDuration = SignedDuration::from_hours(24);
/// How long tokens with keys that nobody knows cause no fetch after one did.
const UNKNOWN_KEY_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How long nothing is fetched after a failure.
const FAILURE_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// Why keys might be fetched.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// There are none that count.
    Keys,
    /// Those that there are might be out of date.
    Newer,
    /// A request that began at this instant names a key that is not among them.
    UnknownKey { began: Timestamp },
}

/// What is known of an issuer's keys.
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
        within(USABLE, *fetched_at, now).then(|| Arc::clone(keys))
    }

    /// Whether `need` is reason enough for a fetch.
    pub(super) fn is_due(&self, need: Need, now: Timestamp) -> bool {
        if self.failed_at.is_some_and(|failed_at| within(FAILURE_PAUSE, failed_at, now)) {
            return false;
        }
        let fetched_at = self.last_good.as_ref().map(|(_, fetched_at)| *fetched_at);
        match need {
            Need::Keys => self.keys(now).is_none(),
            Need::Newer => self.failed_at.is_some() || !fetched_at.is_some_and(|at| within(FRESH, at, now)),
            Need::UnknownKey { began } => {
                let pause = self.sought_unknown_at.is_some_and(|at| within(UNKNOWN_KEY_PAUSE, at, now));
                !pause && fetched_at.is_none_or(|fetched_at| fetched_at < began)
            }
        }
    }

    /// Takes in what a fetch brought that began at `began`. An issuer that publishes no key any more takes all of them back.
    pub(super) fn settle(&mut self, keys: Option<KeySet>, need: Need, began: Timestamp, now: Timestamp) {
        if matches!(need, Need::UnknownKey { .. }) {
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
