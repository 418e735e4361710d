use std::sync::atomic::{AtomicU64, Ordering};

use terra_auth_model::clock::Entropy;

/// Deterministic entropy: a counter, so that bytes never repeat and each run of a test gets the same ones.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let digits = count.to_be_bytes();
        bytes.iter_mut().rev().zip(digits.iter().rev()).for_each(|(byte, digit)| *byte = *digit);
    }
}

#[cfg(test)]
mod tests {
    use terra_auth_model::clock::Entropy;

    use super::CountingEntropy;

    #[test]
    fn every_draw_is_new_and_every_run_the_same() {
        let entropy: &dyn Entropy = &CountingEntropy::default();
        assert_eq!(entropy.id().to_string(), "00000000-0000-4000-8000-000000000001");
        assert_eq!(entropy.id().to_string(), "00000000-0000-4000-8000-000000000002");
        assert_eq!(entropy.bytes::<2>(), [0, 3]);
    }
}
