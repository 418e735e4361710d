//! Prepares a server for a store that was restored from a backup. Changes since the backup are missing from the
//! store, but they did happen at the providers.

use async_trait::async_trait;
use terra_auth_model::store::{Tx, Unit};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    auth::Auth,
};

impl Auth {
    /// Audits the restore and sets the in-flight marker of each grant, because its refresh token may have been
    /// spent after the backup. Returns the number of grants.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn note_restore(&self, admin: &Admin, backup: &str) -> Result<u64, AdminError> {
        let act = AuditedAction { action: "store.restore", dev_id: None, target: backup };
        self.administer(admin, &act, MarkInDoubt).await
    }
}

struct MarkInDoubt;

#[async_trait]
impl Unit for MarkInDoubt {
    type Done = u64;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, AdminError> {
        Ok(tx.mark_in_doubt().await?)
    }
}
