//! What a server must know after its store was replaced by a backup: whatever happened since then is forgotten here, and
//! not in the world.

use async_trait::async_trait;

use crate::{
    admin::{Act, Admin, AdminError},
    auth::Auth,
    store::{Tx, Unit},
};

impl Auth {
    /// Notes in the audit log that the store is a backup, and makes the next refresh of each grant a careful one: its
    /// refresh token may have been spent after the backup was made. Answers how many grants there are.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn note_restore(&self, admin: &Admin, backup: &str) -> Result<u64, AdminError> {
        let act = Act { action: "store.restore", dev_id: None, target: backup };
        self.administer(admin, &act, MarkInDoubt).await
    }
}

struct MarkInDoubt;

#[async_trait]
impl Unit for MarkInDoubt {
    type Done = u64;
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, AdminError> {
        Ok(tx.mark_in_doubt().await?)
    }
}
