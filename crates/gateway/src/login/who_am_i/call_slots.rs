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

/// The maximum number of concurrent calls to the app. Further calls wait in a fair queue.
const MAX_CALLS: usize = 64;
/// Additional calls for credentials that were valid recently, so that a flood of invalid ones does not block their users.
const RESERVED_CALLS: usize = 16;
/// The maximum number of calls of one peer, running or in the common queue.
const MAX_CALLS_PER_SUBSCRIBER: usize = 16;
/// How long a credential counts as recently valid.
const VERIFIED_TTL: SignedDuration = SignedDuration::from_hours(1);
/// The maximum number of stored credentials and peers.
const CAPACITY: usize = 10_000;
/// The number of rejections without a login after which a peer counts as suspicious.
const MAX_REFUSALS: u32 = 100;

/// The call slots of one app.
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

/// A slot. Dropping it frees the slot.
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

    /// Waits for a slot.
    pub(super) async fn acquire(&self, key: &Key, subscriber: Option<IpAddr>, now: Timestamp) -> CallSlot<'_> {
        if self.was_verified(key, now) {
            let place = tokio::select! {
                biased;
                place = self.reserve.acquire() => place,
                place = self.common.acquire() => place,
            };
            return CallSlot { _place: place.ok(), _share: None };
        }
        // Waits in the queue of the peer first, so that the peer has at most its share of the common queue.
        let share = match subscriber.map(|address| self.subscriber(address)) {
            Some(subscriber) => Arc::clone(&subscriber.share).acquire_owned().await.ok(),
            None => None,
        };
        CallSlot { _place: self.common.acquire().await.ok(), _share: share }
    }

    /// Records the result for a credential.
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

    /// Whether a peer has had only rejections for a long time.
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
    async fn one_subscriber_cannot_use_all_slots() {
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
    async fn a_recently_verified_credential_gets_a_slot_during_a_flood_of_others() {
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
    fn a_login_resets_the_rejections_of_a_subscriber() {
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
