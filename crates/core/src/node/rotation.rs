//! The progress of the vault rotation that this node runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The rotation that this node runs, or ran last.
#[derive(Default)]
pub(crate) struct RotationState(Mutex<LatestRotation>);

#[derive(Clone, Default)]
pub(crate) struct LatestRotation {
    pub(crate) running: bool,
    pub(crate) progress: RotationProgress,
    pub(crate) failure: Option<String>,
}

impl RotationState {
    pub(crate) fn latest(&self) -> MutexGuard<'_, LatestRotation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The progress of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RotationProgress {
    /// The number of values that were read; a value counts again in each pass.
    pub looked_at: u64,
    /// The number of values that were re-encrypted.
    pub resealed: u64,
}
