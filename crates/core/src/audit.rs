//! The audit log: who did what, and in which environment. It is append-only, and each entry is chained to the one
//! before it.
//!
//! The MAC of an entry is an HMAC over the entry and the MAC before it. Its key is not in the store, so an attacker
//! who can change the store cannot change, remove or reorder entries undetected. One attack remains: an attacker who
//! kept a copy of an older head can remove the newest entries and restore that head.
//!
//! A vault reset loses the key. The reset's entry is the first one under the new key, and contains a digest of all
//! entries before it.

mod chain;
mod grants;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    audit::{AuditHead, AuditRecord},
    store::{Tx, Unit},
    store_error::StoreError,
    text::printable,
    unit,
};
use terra_auth_types::wire::admin::AuditPage;

use crate::{
    admin::action::{Admin, AuditedAction},
    auth::Auth,
};

/// The maximum length of an entry's target. A longer target is cut off.
const MAX_TARGET_CHARS: usize = 200;

/// A vault reset has replaced the MAC key of the audit log, and this process still has the old key. An entry under
/// the old key would break the chain.
#[derive(Debug, thiserror::Error)]
#[error("the MAC key of the audit log was replaced; restart this process")]
struct MacKeyReplaced;

/// An entry that is not written yet.
#[derive(Clone)]
pub(crate) struct PendingAuditEntry {
    auth: Auth,
    record: AuditRecord,
}

impl PendingAuditEntry {
    pub(crate) fn new(auth: &Auth, admin: &Admin, act: &AuditedAction<'_>, allowed: bool) -> Self {
        let record = AuditRecord {
            seq: 0,
            // The store has millisecond precision, and the MAC must match the value that is read back.
            at: Timestamp::from_millisecond(auth.now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH),
            actor: printable(&admin.name),
            actor_id: admin.id,
            origin: admin.origin.clone(),
            action: act.action.to_owned(),
            dev_id: act.dev_id.cloned(),
            target: printable(act.target).chars().take(MAX_TARGET_CHARS).collect(),
            allowed,
            mac: [0; 32],
        };
        Self { auth: auth.clone(), record }
    }

    pub(crate) async fn append(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if self.auth.keys().has_lost_keys() {
            return Err(StoreError::Engine(Box::new(MacKeyReplaced)));
        }
        let head = tx.lock_audit_head().await?;
        let mut record = AuditRecord { seq: head.seq + 1, ..self.record.clone() };
        record.mac = record.mac_of(self.auth.keys(), &head.mac);
        tx.append_audit_record(&record).await
    }
}

/// Runs a unit and appends its audit entry: both are stored, or neither.
pub(crate) struct Audited<U> {
    pub(crate) unit: U,
    pub(crate) entry: PendingAuditEntry,
}

#[async_trait]
impl<U: Unit> Unit for Audited<U> {
    type Done = U::Done;
    type Error = U::Error;

    async fn run(&self, tx: &mut dyn Tx) -> Result<U::Done, U::Error> {
        let done = self.unit.run(tx).await?;
        self.entry.append(tx).await?;
        Ok(done)
    }
}

/// Appends the audit entry of an action that changes nothing else.
pub(crate) struct AppendAuditEntry(pub(crate) PendingAuditEntry);

#[async_trait]
impl Unit for AppendAuditEntry {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        self.0.append(tx).await
    }
}

/// The maximum number of entries in one page.
const MAX_AUDIT_PAGE: u32 = 500;

impl Auth {
    /// Returns the entries after the sequence number `after`, oldest first. `limit` is clamped to 1 to 500.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn audit_page(&self, after: u64, limit: u32) -> Result<AuditPage, StoreError> {
        let limit = limit.clamp(1, MAX_AUDIT_PAGE);
        let records = self.store().read(ReadAudit { after, limit }).await?;
        let more = records.len() == limit as usize;
        let next = records.last().filter(|_| more).map(|record| record.seq);
        Ok(AuditPage { entries: records.iter().map(AuditRecord::to_wire).collect(), next })
    }
}

unit!(ReadAudit(after: u64, limit: u32) -> Vec<AuditRecord> = |tx| tx.audit_records(*after, *limit));

unit!(ReadHead() -> AuditHead = |tx| tx.lock_audit_head());
