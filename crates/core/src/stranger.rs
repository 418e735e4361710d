//! Who tries to administer without a token that counts: written down, and bounded, as anybody can try.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use terra_auth_types::wire::admin::Role;

use crate::{
    admin::{Act, Admin},
    audit::{Draft, Remark},
    auth::Auth,
    store::StoreError,
};

/// The audit log gets at most one line about strangers in this time, from each node.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

impl Auth {
    /// Writes down that somebody unknown tried to administer: at most once a second. A line says how many since the last
    /// one were not written down.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn record_unknown_admin(&self, origin: Option<String>, target: &str) -> Result<(), StoreError> {
        let Some(unrecorded) = self.directory.strangers.count(self.now()) else { return Ok(()) };
        let target = if unrecorded == 0 { target.to_owned() } else { format!("after {unrecorded} others: {target}") };
        let admin = Admin { name: "unknown".to_owned(), role: Role::ReadOnly, origin };
        let act = Act { action: "admin.authenticate", dev_id: None, target: &target };
        self.store.run(Remark(Draft::new(self, &admin, &act, false))).await
    }
}

#[derive(Default)]
pub(crate) struct Strangers(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    recorded_at: Option<Timestamp>,
    unrecorded: u64,
}

impl Strangers {
    /// How many went unrecorded before this one; `None` if this one does too.
    fn count(&self, now: Timestamp) -> Option<u64> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.recorded_at.is_some_and(|before| now.duration_since(before).abs() < PAUSE) {
            seen.unrecorded += 1;
            return None;
        }
        seen.recorded_at = Some(now);
        Some(std::mem::take(&mut seen.unrecorded))
    }
}
