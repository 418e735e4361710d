//! A map with a maximum size.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Stores the last `capacity` insertions and evicts older ones. A key must be inserted only once.
#[derive(Debug)]
pub(crate) struct BoundedMap<K, V> {
    capacity: usize,
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Copy + Eq + Hash, V> BoundedMap<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
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

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Returns the values, oldest first.
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
    fn a_full_map_evicts_the_oldest_entry() {
        let mut map = BoundedMap::new(CAPACITY);
        (0..CAPACITY).for_each(|key| map.insert(key, key));
        assert_eq!(map.get(&0), Some(&0));

        map.insert(CAPACITY, CAPACITY);

        assert_eq!(map.get(&0), None);
        assert_eq!(map.values().next(), Some(&1));
        assert_eq!(map.values().count(), CAPACITY);
    }

    #[test]
    fn removed_entries_do_not_let_the_order_grow() {
        let mut map = BoundedMap::new(CAPACITY);
        for key in 0..3 * CAPACITY {
            map.insert(key, ());
            assert_eq!(map.remove(&key), Some(()));
        }
        assert_eq!(map.order.len(), CAPACITY);
        assert_eq!(map.values().count(), 0);
    }
}
