//! The limit of concurrent calls to the app, and its queue.

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

use super::cache::Key;

/// An app that is slow is not asked more than this often at a time, in a fair queue.
const MAX_CALLS: usize = 64;
/// More of them for credentials that were good lately, so that no flood of made-up ones keeps their users out.
const RESERVED_CALLS: usize = 16;
/// The most places that one subscriber has, or waits for in the queue of all.
const MAX_CALLS_PER_SUBSCRIBER: usize = 16;
/// How long a credential counts as good.
const VERIFIED_TTL: SignedDuration = SignedDuration::from_hours(1);
/// How many credentials and subscribers are remembered.
const CAPACITY: usize = 10_000;
/// After so many refusals without a login, a subscriber counts as one who only tries.
const MAX_REFUSALS: u32 = 100;

/// The places of one app.
pub(super) struct CallSlots {
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
pub(super) struct CallSlot<'a> {
    _place: Option<SemaphorePermit<'a>>,
    _share: Option<OwnedSemaphorePermit>,
}

impl CallSlots {
    pub(super) fn new() -> Self {
        Self {
            common: Semaphore::new(MAX_CALLS),
            reserve: Semaphore::new(RESERVED_CALLS),
            good: Cache::new(CAPACITY),
            subscribers: Cache::new(CAPACITY),
        }
    }

    /// Waits for a place.
    pub(super) async fn acquire(&self, key: &Key, subscriber: Option<IpAddr>, now: Timestamp) -> CallSlot<'_> {
        if self.was_verified(key, now) {
            let place = tokio::select! {
                biased;
                place = self.reserve.acquire() => place,
                place = self.common.acquire() => place,
            };
            return CallSlot { _place: place.ok(), _share: None };
        }
        // First in the queue of its own, so that in that of all it has no more entries than its share.
        let share = match subscriber.map(|address| self.subscriber(address)) {
            Some(subscriber) => Arc::clone(&subscriber.share).acquire_owned().await.ok(),
            None => None,
        };
        CallSlot { _place: self.common.acquire().await.ok(), _share: share }
    }

    /// Remembers what became of a credential.
    pub(super) fn record_outcome(&self, key: &Key, subscriber: Option<IpAddr>, good: bool, now: Timestamp) {
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
        known.is_some_and(|subscriber| subscriber.refused.load(Ordering::Relaxed) >= MAX_REFUSALS)
    }

    fn was_verified(&self, key: &Key, now: Timestamp) -> bool {
        self.good.get(key).is_some_and(|at| (SignedDuration::ZERO..VERIFIED_TTL).contains(&now.duration_since(at)))
    }

    fn subscriber(&self, address: IpAddr) -> Arc<Subscriber> {
        let new = || {
            Arc::new(Subscriber {
                share: Arc::new(Semaphore::new(MAX_CALLS_PER_SUBSCRIBER)),
                refused: AtomicU32::new(0),
            })
        };
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

    use super::{CallSlot, CallSlots, MAX_CALLS, MAX_CALLS_PER_SUBSCRIBER, MAX_REFUSALS, RESERVED_CALLS};

    fn key(number: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        key
    }

    const ONE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)));
    const OTHER: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 2)));

    async fn enter(places: &CallSlots, number: usize, peer: Option<IpAddr>, now: Timestamp) -> Option<CallSlot<'_>> {
        timeout(Duration::from_millis(1), places.acquire(&key(number), peer, now)).await.ok()
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[tokio::test(start_paused = true)]
    async fn one_subscriber_leaves_places_to_the_others() {
        let places = CallSlots::new();
        let mut held = Vec::new();
        for number in 0..MAX_CALLS_PER_SUBSCRIBER {
            held.push(enter(&places, number, ONE, NOW).await.unwrap());
        }
        assert!(enter(&places, 1000, ONE, NOW).await.is_none());
        assert!(enter(&places, 1000, OTHER, NOW).await.is_some());
        held.pop();
        assert!(enter(&places, 1000, ONE, NOW).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_credential_that_was_good_lately_has_a_place_in_a_flood_of_others() {
        let places = CallSlots::new();
        places.record_outcome(&key(7), None, true, NOW);
        let mut held = Vec::new();
        for number in 1000..1000 + MAX_CALLS {
            held.push(enter(&places, number, None, NOW).await.unwrap());
        }
        assert!(enter(&places, 2000, None, NOW).await.is_none());
        assert!(enter(&places, 7, None, NOW).await.is_some());
        assert!(enter(&places, 7, None, NOW + SignedDuration::from_hours(1)).await.is_none(), "an hour later");
        let mut reserved = Vec::new();
        for _ in 0..RESERVED_CALLS {
            reserved.push(enter(&places, 7, None, NOW).await.unwrap());
        }
        assert!(enter(&places, 7, None, NOW).await.is_none());
    }

    #[test]
    fn a_subscriber_who_logs_in_is_no_longer_one_who_only_tries() {
        let places = CallSlots::new();
        for number in 0..MAX_REFUSALS as usize {
            assert!(!places.is_only_refused(ONE));
            places.record_outcome(&key(number), ONE, false, NOW);
        }
        assert!(places.is_only_refused(ONE) && !places.is_only_refused(OTHER) && !places.is_only_refused(None));
        places.record_outcome(&key(7), ONE, true, NOW);
        assert!(!places.is_only_refused(ONE));
    }
}
