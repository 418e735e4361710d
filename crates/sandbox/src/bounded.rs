//! A map that forgets.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Remembers the last `capacity` insertions; an older one is evicted. A key is inserted once in its life.
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    capacity: usize,
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Copy + Eq + Hash, V> Bounded<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, key: K, value: V) {
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back(key);
        self.entries.insert(key, value);
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(crate) fn take(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Oldest first.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.order.iter().filter_map(|key| self.entries.get(key))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 1_000;

    #[test]
    fn the_oldest_entry_makes_room_for_one_too_many() {
        let mut map = Bounded::new(CAPACITY);
        (0..CAPACITY).for_each(|key| map.add(key, key));
        assert_eq!(map.get(&0), Some(&0));

        map.add(CAPACITY, CAPACITY);

        assert_eq!(map.get(&0), None);
        assert_eq!(map.values().next(), Some(&1));
        assert_eq!(map.values().count(), CAPACITY);
    }

    #[test]
    fn what_was_taken_does_not_let_the_order_grow() {
        let mut map = Bounded::new(CAPACITY);
        for key in 0..3 * CAPACITY {
            map.add(key, ());
            assert_eq!(map.take(&key), Some(()));
        }
        assert_eq!(map.order.len(), CAPACITY);
        assert_eq!(map.values().count(), 0);
    }
}
