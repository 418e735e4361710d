//! Audit entries that callers without permission can cause, and which are therefore limited: calls without a
//! valid admin token, and actions that a token's role does not allow.

use terra_auth_model::store_error::StoreError;
use terra_auth_types::wire::admin::Role;

use crate::{
    admin::action::{Admin, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
};

impl Auth {
    /// Records that an unknown caller tried to administer, at most once a minute. An entry says how many
    /// attempts since the last one were not recorded.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn record_unknown_admin(&self, origin: Option<String>, target: &str) -> Result<(), StoreError> {
        let admin = Admin { name: "unknown".to_owned(), id: None, role: Role::ReadOnly, origin };
        self.record_refusal(&admin, &AuditedAction { action: "admin.authenticate", dev_id: None, target }).await
    }

    /// Records that a token's role did not allow an action, at most once a minute for each token and action.
    pub(crate) async fn record_denied(&self, admin: &Admin, act: &AuditedAction<'_>) -> Result<(), StoreError> {
        self.record_refusal(admin, act).await
    }

    async fn record_refusal(&self, admin: &Admin, act: &AuditedAction<'_>) -> Result<(), StoreError> {
        let Some(unrecorded) = self.directory().refusals.count_attempt((admin.id, act.action), self.now()) else {
            return Ok(());
        };
        let target =
            if unrecorded == 0 { act.target.to_owned() } else { format!("after {unrecorded} others: {}", act.target) };
        let act = AuditedAction { target: &target, ..*act };
        self.store().run(AppendAuditEntry(PendingAuditEntry::new(self, admin, &act, false))).await
    }
}
