//! The number of concurrent attempts of each queue.

use std::{collections::HashMap, hash::Hash};

use terra_auth_core::outbox::QueueCapacity;

/// The slots of a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// The slots of all queues together.
    pub(crate) total: u32,
    /// The slots of a queue without recent attempts.
    pub(crate) start: u32,
    /// The maximum for a queue with quick attempts.
    pub(crate) most: u32,
}

/// The effect of an attempt on the slots of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A quick success: adds slots.
    Quick,
    /// Neither quick nor slow: no change.
    Steady,
    /// A slow attempt: removes slots.
    Slow,
}

/// The used and free slots. A slow queue keeps one slot, which detects its recovery. Its slots then double with each quick
/// attempt up to the start value, and increase by one from there.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    limits: QueueLimits,
    taken: u32,
    queues: HashMap<K, Share>,
}

#[derive(Clone, Copy, Debug)]
struct Share {
    taken: u32,
    limit: u32,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, taken: 0, queues: HashMap::new() }
    }

    pub(crate) fn free_slots(&self) -> QueueCapacity<K> {
        let free = |share: &Share| share.limit.saturating_sub(share.taken);
        QueueCapacity {
            total: self.limits.total.saturating_sub(self.taken),
            each: self.limits.start,
            of: self.queues.iter().map(|(queue, share)| (queue.clone(), free(share))).collect(),
        }
    }

    pub(crate) fn begin(&mut self, queue: K) {
        let start = Share { taken: 0, limit: self.limits.start };
        self.queues.entry(queue).or_insert(start).taken += 1;
        self.taken += 1;
    }

    pub(crate) fn end(&mut self, queue: &K, pace: Pace) {
        let QueueLimits { start, most, .. } = self.limits;
        let Some(share) = self.queues.get_mut(queue) else { return };
        share.taken = share.taken.saturating_sub(1);
        self.taken = self.taken.saturating_sub(1);
        share.limit = match pace {
            Pace::Quick if share.limit < start => (share.limit * 2).min(start),
            Pace::Quick => (share.limit + 1).min(most),
            Pace::Steady => share.limit,
            Pace::Slow => (share.limit / 2).max(1),
        };
        if share.taken == 0 && share.limit == start {
            self.queues.remove(queue); // back to the start value
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, QueueLimits, Shares};

    const LIMITS: QueueLimits = QueueLimits { total: 20, start: 8, most: 10 };

    fn after(paces: &[Pace]) -> u32 {
        let mut shares = Shares::new(LIMITS);
        for pace in paces {
            shares.begin("acme");
            shares.end(&"acme", *pace);
        }
        shares.free_slots().of.get("acme").copied().unwrap_or(LIMITS.start)
    }

    #[test]
    fn a_slow_queue_has_one_slot_and_recovers() {
        assert_eq!(after(&[Pace::Slow]), 4);
        assert_eq!(after(&[Pace::Slow; 9]), 1);
        assert_eq!(after(&[Pace::Slow, Pace::Slow, Pace::Slow, Pace::Quick, Pace::Quick]), 4);
        assert_eq!(after(&[Pace::Slow, Pace::Quick, Pace::Quick]), 9);
        assert_eq!(after(&[Pace::Quick; 9]), LIMITS.most);
        assert_eq!(after(&[Pace::Steady; 9]), LIMITS.start);
    }

    #[test]
    fn places_are_free_again_when_attempts_end() {
        let mut shares = Shares::new(LIMITS);
        for queue in ["acme", "acme", "other"] {
            shares.begin(queue);
        }
        let room = shares.free_slots();
        assert_eq!((room.total, room.each, room.of["acme"], room.of["other"]), (17, 8, 6, 7));
        shares.end(&"acme", Pace::Steady);
        shares.end(&"acme", Pace::Steady);
        shares.end(&"other", Pace::Steady);
        let room = shares.free_slots();
        assert_eq!((room.total, room.of.len()), (20, 0), "a queue with the start value is not stored");
    }
}
