//! All random decisions, from one seed.

use std::{sync::Mutex, time::Duration};

use terra_auth_model::clock::Entropy;

/// `SplitMix64`: the same numbers for the same seed.
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    pub(crate) fn throw(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.throw() % end
    }

    pub(crate) fn one_in(&self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    /// A duration of at most this many milliseconds.
    pub(crate) fn moment(&self, most_ms: u64) -> Duration {
        Duration::from_millis(self.below(most_ms + 1))
    }
}

impl Entropy for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.throw().to_be_bytes()[..chunk.len()]));
    }
}
