//! Adds MACs to the rows of a store that was created before row MACs existed.

use async_trait::async_trait;
use terra_auth_model::{
    lock::Lock,
    row_mac::{RowName, RowsToMac},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::PendingAuditEntry,
    auth::Auth,
};

/// The audit actions that record the rows which existed before row MACs.
const MARK_ROWS_ACTION: &str = "store.mark_rows";
pub(crate) const TOKEN_ADOPTED: &str = "admin_token.adopt";
pub(crate) const KEY_ADOPTED: &str = "api_key.adopt";

impl Auth {
    /// Adds MACs to the rows of a store that has none. If the audit log shows that this was done before, no
    /// MACs are added: another program has written the rows without one.
    ///
    /// # Errors
    ///
    /// The store failed; no MAC was added.
    pub async fn add_row_macs_once(&self) -> Result<(), StoreError> {
        if self.store().read(ReadMarkedSince {}).await?.is_some() {
            return Ok(());
        }
        let earlier = self.first_entry_since_row_macs().await?;
        let marked = self.store().run(AddRowMacs { auth: self.clone(), earlier }).await?;
        match earlier {
            Some(seq) => tracing::error!(
                seq,
                "the store has no record of row MACs, but its audit log shows that they were added: \
                 rows without a MAC are ignored"
            ),
            None if marked > 0 => tracing::warn!(rows = marked, "added a MAC to every row that grants access"),
            None => {}
        }
        Ok(())
    }

    /// Trusts every row as it is now and adds new MACs. For an operator who has changed the database by hand
    /// and knows every row.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn trust_rows_as_they_are(&self, admin: &Admin) -> Result<u64, AdminError> {
        let act = AuditedAction { action: MARK_ROWS_ACTION, dev_id: None, target: "all rows, as they are" };
        self.administer(admin, &act, TrustRows { auth: self.clone(), admin: admin.clone() }).await
    }

    /// The rows that were rejected since everything was last loaded, 100 at most.
    #[must_use]
    pub fn refused_rows(&self) -> Vec<RowName> {
        self.store()
            .row_authenticator()
            .map(terra_auth_model::row_mac::RowAuthenticator::rejected_rows)
            .unwrap_or_default()
    }

    pub(crate) fn forget_refused_rows(&self) {
        if let Some(marker) = self.store().row_authenticator() {
            marker.clear_rejected_rows();
        }
    }
}

unit!(ReadMarkedSince() -> Option<u64> = |tx| tx.row_macs_since());

/// Returns how many rows got a MAC.
struct AddRowMacs {
    auth: Auth,
    /// The audit entry which shows that MACs were added before.
    earlier: Option<u64>,
}

#[async_trait]
impl Unit for AddRowMacs {
    type Done = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        tx.lock(Lock::Provisioning).await?;
        if tx.row_macs_since().await?.is_some() {
            return Ok(0); // another node has added them
        }
        let marked = if self.earlier.is_none() { tx.write_row_macs(RowsToMac::WithoutMac).await? } else { 0 };
        if marked > 0 {
            let admin = Admin::local("this server");
            audit_existing_credentials(&self.auth, tx, &admin).await?;
            let target = format!("{marked} rows without a MAC");
            let act = AuditedAction { action: MARK_ROWS_ACTION, dev_id: None, target: &target };
            PendingAuditEntry::new(&self.auth, &admin, &act, true).append(tx).await?;
        }
        let head = tx.lock_audit_head().await?;
        tx.set_row_macs_since(self.earlier.unwrap_or(head.seq)).await?;
        Ok(marked)
    }
}

struct TrustRows {
    auth: Auth,
    admin: Admin,
}

#[async_trait]
impl Unit for TrustRows {
    type Done = u64;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, AdminError> {
        let marked = tx.write_row_macs(RowsToMac::All).await?;
        audit_existing_credentials(&self.auth, tx, &self.admin).await?;
        Ok(marked)
    }
}

/// Adds an audit entry for each existing admin token and key, so that the log contains every valid credential.
async fn audit_existing_credentials(auth: &Auth, tx: &mut dyn Tx, admin: &Admin) -> Result<(), StoreError> {
    for token in tx.admin_tokens().await? {
        let target = format!("{} {}", token.token_id, token.name);
        let act = AuditedAction { action: TOKEN_ADOPTED, dev_id: None, target: &target };
        PendingAuditEntry::new(auth, admin, &act, true).append(tx).await?;
    }
    for key in tx.api_keys().await? {
        let target = format!("{} {}", key.key_id, key.name);
        let act = AuditedAction { action: KEY_ADOPTED, dev_id: Some(&key.dev_id), target: &target };
        PendingAuditEntry::new(auth, admin, &act, true).append(tx).await?;
    }
    Ok(())
}
