//! Who may ask the app now, and who waits.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use super::kept::Key;

/// An app that is slow is not asked more than this often at a time, in a fair queue.
const PLACES: usize = 64;
/// More of them for credentials that were good lately, so that no flood of made-up ones keeps their users out.
const RESERVE: usize = 16;
/// The most places that one subscriber has, or waits for in the queue of all.
const SHARE: usize = 16;
/// How long a credential counts as good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(1);
/// How many credentials and subscribers are remembered.
const CAPACITY: usize = 10_000;
/// After so many refusals without a login, a subscriber counts as one who only tries.
const ONLY_REFUSED: u32 = 100;

/// The places of one app.
pub(super) struct Places {
    common: Semaphore,
    reserve: Semaphore,
    good: Cache<Key, Timestamp>,
    subscribers: Cache<IpAddr, Arc<Subscriber>>,
}

struct Subscriber {
    share: Arc<Semaphore>,
    refused: AtomicU32,
}

/// A place, until it is dropped.
pub(super) struct Place<'a> {
    _place: Option<SemaphorePermit<'a>>,
    _share: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new() -> Self {
        Self {
            common: Semaphore::new(PLACES),
            reserve: Semaphore::new(RESERVE),
            good: Cache::new(CAPACITY),
            subscribers: Cache::new(CAPACITY),
        }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, key: &Key, subscriber: Option<IpAddr>, now: Timestamp) -> Place<'_> {
        if self.was_good(key, now) {
            let place = tokio::select! {
                biased;
                place = self.reserve.acquire() => place,
                place = self.common.acquire() => place,
            };
            return Place { _place: place.ok(), _share: None };
        }
        // First in the queue of its own, so that in that of all it has no more entries than its share.
        let share = match subscriber.map(|address| self.subscriber(address)) {
            Some(subscriber) => Arc::clone(&subscriber.share).acquire_owned().await.ok(),
            None => None,
        };
        Place { _place: self.common.acquire().await.ok(), _share: share }
    }

    /// Remembers what became of a credential.
    pub(super) fn settle(&self, key: &Key, subscriber: Option<IpAddr>, good: bool, now: Timestamp) {
        if good {
            self.good.insert(*key, now);
        }
        let Some(subscriber) = subscriber.map(|address| self.subscriber(address)) else { return };
        if good {
            subscriber.refused.store(0, Ordering::Relaxed);
        } else {
            subscriber.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a subscriber has brought nothing but refusals for long.
    pub(super) fn is_only_refused(&self, subscriber: Option<IpAddr>) -> bool {
        let known = subscriber.and_then(|address| self.subscribers.get(&address));
        known.is_some_and(|subscriber| subscriber.refused.load(Ordering::Relaxed) >= ONLY_REFUSED)
    }

    fn was_good(&self, key: &Key, now: Timestamp) -> bool {
        self.good.get(key).is_some_and(|at| (SignedDuration::ZERO..GOOD_FOR).contains(&now.duration_since(at)))
    }

    fn subscriber(&self, address: IpAddr) -> Arc<Subscriber> {
        let new = || Arc::new(Subscriber { share: Arc::new(Semaphore::new(SHARE)), refused: AtomicU32::new(0) });
        let known = self.subscribers.get_or_insert_with(&address, || Ok::<_, std::convert::Infallible>(new()));
        known.unwrap_or_else(|never| match never {})
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::Duration,
    };

    use jiff::{SignedDuration, Timestamp};
    use tokio::time::timeout;

    use super::{ONLY_REFUSED, PLACES, Place, Places, RESERVE, SHARE};

    fn key(number: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    const ONE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 2)));

    async fn enter(places: &Places, number: usize, peer: Option<IpAddr>, now: Timestamp) -> Option<Place<'_>> {
        timeout(Duration::from_millis(1), places.enter(&key(number), peer, now)).await.ok()
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[tokio::test(start_paused = true)]
    async fn one_subscriber_leaves_places_to_the_others() {
        let places = Places::new();
        let mut held = Vec::new();
        for number in 0..SHARE {
            held.push(enter(&places, number, ONE, NOW).await.unwrap());
        }
        assert!(enter(&places, 1000, ONE, NOW).await.is_none());
        assert!(enter(&places, 1000, OTHER, NOW).await.is_some());
        held.pop();
        assert!(enter(&places, 1000, ONE, NOW).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_was_good_lately_has_a_place_in_a_flood_of_others() {
        let places = Places::new();
        places.settle(&key(7), None, true, NOW);
        let mut held = Vec::new();
        for number in 1000..1000 + PLACES {
            held.push(enter(&places, number, None, NOW).await.unwrap());
        }
        assert!(enter(&places, 2000, None, NOW).await.is_none());
        assert!(enter(&places, 7, None, NOW).await.is_some());
        assert!(enter(&places, 7, None, NOW + SignedDuration::from_hours(1)).await.is_none(), "an hour later");
        let mut reserved = Vec::new();
        for _ in 0..RESERVE {
            reserved.push(enter(&places, 7, None, NOW).await.unwrap());
        }
        assert!(enter(&places, 7, None, NOW).await.is_none());
    }

    #[test]
    fn a_subscriber_who_logs_in_is_no_longer_one_who_only_tries() {
        let places = Places::new();
        for number in 0..ONLY_REFUSED as usize {
            assert!(!places.is_only_refused(ONE));
            places.settle(&key(number), ONE, false, NOW);
        }
        assert!(places.is_only_refused(ONE) && !places.is_only_refused(OTHER) && !places.is_only_refused(None));
        places.settle(&key(7), ONE, true, NOW);
        assert!(!places.is_only_refused(ONE));
    }
}
