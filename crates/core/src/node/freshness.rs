//! Limits the age of a node's directory, so a node without a connection to the store stops authenticating callers.
//!
//! 1. Before a node reads the revision, it takes the time from a clock that does not stop (`SteadyClock`).
//! 2. When the read succeeds, that time becomes the directory's time. The directory then contains everything that was
//!    committed before it.
//! 3. A request is checked against a directory that is at most [`MAX_DIRECTORY_AGE`] old. With an older one, the node responds
//!    with 503. A node that is cut off from the store, or was paused, therefore accepts no credentials that another
//!    node has revoked since.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use terra_auth_model::clock::SteadyClock;

/// The age above which the directory is stale. Less than the 3 s that `SECURITY.md` promises.
pub const MAX_DIRECTORY_AGE: Duration = Duration::from_millis(2500);

/// When the directory was last read. Without a clock it never becomes stale: for a store that no other process can
/// change, and for tools that read once and exit.
#[derive(Default)]
pub(crate) struct Freshness {
    clock: Option<Arc<dyn SteadyClock>>,
    /// Milliseconds on the steady clock, plus one; 0 before the first read.
    read_at: AtomicU64,
}

/// The time just before a read began.
#[derive(Clone, Copy)]
pub(crate) struct ReadStart(u64);

impl Freshness {
    pub(crate) fn with_clock(clock: Arc<dyn SteadyClock>) -> Self {
        Self { clock: Some(clock), read_at: AtomicU64::new(0) }
    }

    pub(crate) fn begin_read(&self) -> ReadStart {
        ReadStart(self.now().saturating_add(1))
    }

    /// Records that the read that began then succeeded.
    pub(crate) fn record(&self, ReadStart(begun): ReadStart) {
        self.read_at.fetch_max(begun, Ordering::AcqRel);
    }

    pub(crate) fn is_stale(&self) -> bool {
        if self.clock.is_none() {
            return false;
        }
        let read_at = self.read_at.load(Ordering::Acquire);
        read_at == 0 || u128::from(self.now().saturating_sub(read_at - 1)) > MAX_DIRECTORY_AGE.as_millis()
    }

    fn now(&self) -> u64 {
        let elapsed = self.clock.as_ref().map_or(Duration::ZERO, |clock| clock.elapsed());
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX - 1)
    }
}
