//! Limits the audit entries that callers can cause whose requests are rejected.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// The audit log gets at most one entry of the same kind in this time, from each node.
const AUDIT_INTERVAL: SignedDuration = SignedDuration::from_mins(1);
/// The maximum number of kinds to distinguish.
const MAX_KINDS: usize = 1024;

/// The rejected token, if it is known, and the action.
type Kind = (Option<Uuid>, &'static str);

/// The rejected attempts that this node has counted.
#[derive(Default)]
pub(crate) struct UnknownCallerThrottle(Mutex<HashMap<Kind, AttemptWindow>>);

struct AttemptWindow {
    recorded_at: Timestamp,
    unrecorded: u64,
}

impl UnknownCallerThrottle {
    /// Counts an attempt. Returns how many of its kind were not recorded since the last entry, or `None` if
    /// this one must not be recorded either.
    pub(crate) fn count_attempt(&self, kind: Kind, now: Timestamp) -> Option<u64> {
        let is_recent = |seen: &AttemptWindow| now.duration_since(seen.recorded_at).abs() < AUDIT_INTERVAL;
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = kinds.get_mut(&kind) {
            if is_recent(seen) {
                seen.unrecorded += 1;
                return None;
            }
            seen.recorded_at = now;
            return Some(std::mem::take(&mut seen.unrecorded));
        }
        if kinds.len() >= MAX_KINDS {
            kinds.retain(|_, seen| is_recent(seen));
        }
        if kinds.len() >= MAX_KINDS {
            return None;
        }
        kinds.insert(kind, AttemptWindow { recorded_at: now, unrecorded: 0 });
        Some(0)
    }
}
