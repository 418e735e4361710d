//! How old the picture of the directory may be before a node stops trusting it.
//!
//! 1. Before a node reads the revision, it notes the time on a clock that does not stop (`SteadyClock`).
//! 2. When the read succeeds, that time becomes the picture's: everything that was committed before it is in the picture.
//! 3. A request is checked against a picture of at most [`MAX_AGE`]. An older one is answered 503, so a node that is cut off
//!    from the store, or that was paused, accepts no credentials that another node has revoked since.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::SteadyClock;

/// The age from which the picture is stale. Less than the 3 s that `SECURITY.md` promises.
pub const MAX_AGE: Duration = Duration::from_millis(2500);

/// When the picture was read last. Without a clock it never becomes stale: for a store that no other process can change,
/// and for tools that read once and end.
#[derive(Default)]
pub(crate) struct Freshness {
    clock: Option<Arc<dyn SteadyClock>>,
    /// On the steady clock, in milliseconds and plus one; 0 before the first read.
    read_at: AtomicU64,
}

/// The instant before a read.
#[derive(Clone, Copy)]
pub(crate) struct ReadBegun(u64);

impl Freshness {
    pub(crate) fn by(clock: Arc<dyn SteadyClock>) -> Self {
        Self { clock: Some(clock), read_at: AtomicU64::new(0) }
    }

    pub(crate) fn begin_read(&self) -> ReadBegun {
        ReadBegun(self.now().saturating_add(1))
    }

    /// The read that began then has succeeded.
    pub(crate) fn record(&self, ReadBegun(begun): ReadBegun) {
        self.read_at.fetch_max(begun, Ordering::AcqRel);
    }

    pub(crate) fn is_stale(&self) -> bool {
        if self.clock.is_none() {
            return false;
        }
        let read_at = self.read_at.load(Ordering::Acquire);
        read_at == 0 || u128::from(self.now().saturating_sub(read_at - 1)) > MAX_AGE.as_millis()
    }

    fn now(&self) -> u64 {
        let elapsed = self.clock.as_ref().map_or(Duration::ZERO, |clock| clock.elapsed());
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX - 1)
    }
}
