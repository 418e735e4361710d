//! What anybody can have written into the audit log, and is therefore bounded: calls without an admin token that counts, and acts
//! that a token's role does not allow.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use terra_auth_types::wire::admin::Role;
use uuid::Uuid;

use crate::{
    admin::{Act, Admin},
    audit::{Draft, Remark},
    auth::Auth,
    store::StoreError,
};

/// The audit log gets at most one line about the same in this time, from each node.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Kinds of refusals that are told apart: tokens, and what each of them tried.
const MAX_KINDS: usize = 1024;

impl Auth {
    /// Writes down that somebody unknown tried to administer: at most once a minute. A line says how many since the last
    /// one were not written down.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn record_unknown_admin(&self, origin: Option<String>, target: &str) -> Result<(), StoreError> {
        let admin = Admin { name: "unknown".to_owned(), id: None, role: Role::ReadOnly, origin };
        self.record_refusal(&admin, &Act { action: "admin.authenticate", dev_id: None, target }).await
    }

    /// Writes down that a token's role did not allow an act: at most once a minute for each token and act.
    pub(crate) async fn record_denied(&self, admin: &Admin, act: &Act<'_>) -> Result<(), StoreError> {
        self.record_refusal(admin, act).await
    }

    async fn record_refusal(&self, admin: &Admin, act: &Act<'_>) -> Result<(), StoreError> {
        let Some(unrecorded) = self.directory.refusals.count((admin.id, act.action), self.now()) else { return Ok(()) };
        let target =
            if unrecorded == 0 { act.target.to_owned() } else { format!("after {unrecorded} others: {}", act.target) };
        let act = Act { target: &target, ..*act };
        self.store.run(Remark(Draft::new(self, admin, &act, false))).await
    }
}

/// Who was refused what.
type Kind = (Option<Uuid>, &'static str);

/// The refusals that this node has seen.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<HashMap<Kind, Seen>>);

struct Seen {
    recorded_at: Timestamp,
    unrecorded: u64,
}

impl Refusals {
    /// How many of a kind went unrecorded before this one; `None` if this one does too.
    fn count(&self, kind: Kind, now: Timestamp) -> Option<u64> {
        let is_recent = |seen: &Seen| now.duration_since(seen.recorded_at).abs() < PAUSE;
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
        kinds.insert(kind, Seen { recorded_at: now, unrecorded: 0 });
        Some(0)
    }
}
