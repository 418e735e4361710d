//! How the rows of a store from before marks get them: once, as they are.

use async_trait::async_trait;

use super::{RowName, Unproven};
use crate::{
    admin::{Act, Admin, AdminError},
    audit::Draft,
    auth::Auth,
    lock::Lock,
    store::{StoreError, Tx, Unit},
};

/// The acts by which the audit log knows what was there before rows had marks.
const MARKED: &str = "store.mark_rows";
pub(crate) const TOKEN_ADOPTED: &str = "admin_token.adopt";
pub(crate) const KEY_ADOPTED: &str = "api_key.adopt";

impl Auth {
    /// Marks the rows of a store from before marks. A store whose audit log shows that its rows were marked before gets no
    /// marks: rows without one were added by somebody else.
    ///
    /// # Errors
    ///
    /// The store failed; nothing was marked.
    pub async fn mark_rows_once(&self) -> Result<(), StoreError> {
        if self.store.read(ReadMarkedSince).await?.is_some() {
            return Ok(());
        }
        let earlier = self.first_line_since_marks().await?;
        let marked = self.store.run(MarkOnce { auth: self.clone(), earlier }).await?;
        match earlier {
            Some(seq) => tracing::error!(
                seq,
                "the store says that its rows were never marked, and its audit log says that they were: \
                 rows without a mark are ignored"
            ),
            None if marked > 0 => tracing::warn!(rows = marked, "marked the rows that grant something, as they are"),
            None => {}
        }
        Ok(())
    }

    /// Believes every row as it is from now on: for an operator who has changed the database by hand, and knows every row.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn mark_rows_again(&self, admin: &Admin) -> Result<u64, AdminError> {
        let act = Act { action: MARKED, dev_id: None, target: "all rows, as they are" };
        self.administer(admin, &act, MarkAgain { auth: self.clone(), admin: admin.clone() }).await
    }

    /// The rows that are ignored since everything was last read, 100 at most.
    #[must_use]
    pub fn refused_rows(&self) -> Vec<RowName> {
        self.store.marker().map(super::RowMarker::refused).unwrap_or_default()
    }

    pub(crate) fn forget_refused_rows(&self) {
        if let Some(marker) = self.store.marker() {
            marker.forget_refused();
        }
    }
}

struct ReadMarkedSince;

#[async_trait]
impl Unit for ReadMarkedSince {
    type Done = Option<u64>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Option<u64>, StoreError> {
        tx.marked_since().await
    }
}

/// Answers how many rows it marked.
struct MarkOnce {
    auth: Auth,
    /// A line that shows that rows were marked before.
    earlier: Option<u64>,
}

#[async_trait]
impl Unit for MarkOnce {
    type Done = u64;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        tx.lock(Lock::Provisioning).await?;
        if tx.marked_since().await?.is_some() {
            return Ok(0); // another node was quicker
        }
        let marked = if self.earlier.is_none() { tx.mark_rows(Unproven::Unmarked).await? } else { 0 };
        if marked > 0 {
            let admin = Admin::local("this server");
            adopt(&self.auth, tx, &admin).await?;
            let target = format!("{marked} rows from before marks");
            let act = Act { action: MARKED, dev_id: None, target: &target };
            Draft::new(&self.auth, &admin, &act, true).append(tx).await?;
        }
        let head = tx.hold_audit_head().await?;
        tx.set_marked_since(self.earlier.unwrap_or(head.seq)).await?;
        Ok(marked)
    }
}

struct MarkAgain {
    auth: Auth,
    admin: Admin,
}

#[async_trait]
impl Unit for MarkAgain {
    type Done = u64;
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, AdminError> {
        let marked = tx.mark_rows(Unproven::All).await?;
        adopt(&self.auth, tx, &self.admin).await?;
        Ok(marked)
    }
}

/// Writes down which admin tokens and keys there are, so that the log names every one that works.
async fn adopt(auth: &Auth, tx: &mut dyn Tx, admin: &Admin) -> Result<(), StoreError> {
    for token in tx.admin_tokens().await? {
        let target = format!("{} {}", token.token_id, token.name);
        let act = Act { action: TOKEN_ADOPTED, dev_id: None, target: &target };
        Draft::new(auth, admin, &act, true).append(tx).await?;
    }
    for key in tx.api_keys().await? {
        let target = format!("{} {}", key.key_id, key.name);
        let act = Act { action: KEY_ADOPTED, dev_id: Some(&key.dev_id), target: &target };
        Draft::new(auth, admin, &act, true).append(tx).await?;
    }
    Ok(())
}
