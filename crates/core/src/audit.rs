//! The audit log: who did what to which environment; append-only, each line chained to the one before it.
//!
//! A line's mark is an HMAC over the line and the mark before it, under a key that is not in the store. So whoever can
//! change the store cannot change, remove or reorder lines without it showing. Only the newest lines could be cut off
//! together with the head that names them, by somebody who kept an older head.
//!
//! A reset of the vault loses that key. Its line is the first that the new key marks, and holds a digest of all lines before.

mod chain;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId,
    wire::admin::{AuditEntry, AuditPage},
};

use crate::{
    admin::{Act, Admin},
    auth::Auth,
    seal::KeyRing,
    store::{StoreError, Tx, Unit},
};

/// One line, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Counted from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// From where.
    pub origin: Option<String>,
    /// What was done.
    pub action: String,
    /// In which environment.
    pub dev_id: Option<DevId>,
    /// To what.
    pub target: String,
    /// False if it was denied.
    pub allowed: bool,
    /// The chain's value after this line.
    pub mark: [u8; 32],
}

/// Where the chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The newest line; 0 before the first.
    pub seq: u64,
    /// Its mark; zeros before the first.
    pub mark: [u8; 32],
}

/// The verbs for the audit log. There is none to change or remove a line.
#[async_trait]
pub trait Audits: Send {
    /// The end of the chain, which nobody else holds until this unit ends.
    async fn hold_audit_head(&mut self) -> Result<AuditHead, StoreError>;

    /// Appends a line and moves the head to it.
    async fn append_audit_record(&mut self, record: &AuditRecord) -> Result<(), StoreError>;

    /// Up to `limit` lines after `seq`, oldest first.
    async fn audit_records(&mut self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, StoreError>;
}

impl AuditRecord {
    pub(crate) fn mark_of(&self, keys: &KeyRing, before: &[u8; 32]) -> [u8; 32] {
        self.with_parts(before, |parts| keys.mark(parts))
    }

    /// All that it says, after what came before.
    fn with_parts<T>(&self, before: &[u8; 32], work: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (seq, at) = (self.seq.to_be_bytes(), self.at.as_millisecond().to_be_bytes());
        let origin = self.origin.as_deref().unwrap_or_default();
        let dev_id = self.dev_id.as_ref().map_or("", DevId::as_str);
        let texts = [&self.actor, origin, &self.action, dev_id, &self.target].map(str::as_bytes);
        let allowed: &[u8] = if self.allowed { b"allowed" } else { b"denied" };
        let head: [&[u8]; 4] = [b"audit record", before, &seq, &at];
        work(&[&head[..], &texts[..], &[allowed]].concat())
    }

    fn to_wire(&self) -> AuditEntry {
        AuditEntry {
            seq: self.seq,
            at: self.at,
            actor: self.actor.clone(),
            origin: self.origin.clone(),
            action: self.action.clone(),
            dev_id: self.dev_id.clone(),
            target: self.target.clone(),
            allowed: self.allowed,
            mark: hex::encode(self.mark),
        }
    }
}

/// A line that is still to be written.
#[derive(Clone)]
pub(crate) struct Draft {
    auth: Auth,
    record: AuditRecord,
}

impl Draft {
    pub(crate) fn new(auth: &Auth, admin: &Admin, act: &Act<'_>, allowed: bool) -> Self {
        let record = AuditRecord {
            seq: 0,
            // The store keeps milliseconds, and the mark must fit what is read again.
            at: Timestamp::from_millisecond(auth.now().as_millisecond()).unwrap_or(Timestamp::UNIX_EPOCH),
            actor: admin.name.clone(),
            origin: admin.origin.clone(),
            action: act.action.to_owned(),
            dev_id: act.dev_id.cloned(),
            target: act.target.chars().take(200).collect(),
            allowed,
            mark: [0; 32],
        };
        Self { auth: auth.clone(), record }
    }

    async fn append(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if self.auth.keys.are_lost() {
            return Err(StoreError::Closed); // the line would break the chain, which goes on with another key
        }
        let head = tx.hold_audit_head().await?;
        let mut record = AuditRecord { seq: head.seq + 1, ..self.record.clone() };
        record.mark = record.mark_of(&self.auth.keys, &head.mark);
        tx.append_audit_record(&record).await
    }
}

/// A unit and the line about it: both happen, or neither.
pub(crate) struct Audited<U> {
    pub(crate) unit: U,
    pub(crate) draft: Draft,
}

#[async_trait]
impl<U: Unit> Unit for Audited<U> {
    type Done = U::Done;
    type Refusal = U::Refusal;

    async fn run(&self, tx: &mut dyn Tx) -> Result<U::Done, U::Refusal> {
        let done = self.unit.run(tx).await?;
        self.draft.append(tx).await?;
        Ok(done)
    }
}

/// A line about something that changed nothing else.
pub(crate) struct Remark(pub(crate) Draft);

#[async_trait]
impl Unit for Remark {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        self.0.append(tx).await
    }
}

/// The most lines that one answer holds.
const PAGE: u32 = 500;

impl Auth {
    /// Lines of the audit log after `after`, oldest first.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn audit_page(&self, after: u64, limit: u32) -> Result<AuditPage, StoreError> {
        let limit = limit.clamp(1, PAGE);
        let records = self.store.read(ReadAudit { after, limit }).await?;
        let more = records.len() == limit as usize;
        let next = records.last().filter(|_| more).map(|record| record.seq);
        Ok(AuditPage { entries: records.iter().map(AuditRecord::to_wire).collect(), next })
    }
}

struct ReadAudit {
    after: u64,
    limit: u32,
}

#[async_trait]
impl Unit for ReadAudit {
    type Done = Vec<AuditRecord>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.audit_records(self.after, self.limit).await
    }
}

struct ReadHead;

#[async_trait]
impl Unit for ReadHead {
    type Done = AuditHead;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<AuditHead, StoreError> {
        tx.hold_audit_head().await
    }
}
