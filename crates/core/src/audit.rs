//! The audit log: who did what to which environment; append-only, each line chained to the one before it.
//!
//! A line's mark is an HMAC over the line and the mark before it, under a key that is not in the store. So whoever can
//! change the store cannot change, remove or reorder lines without it showing. Only the newest lines could be cut off
//! together with the head that names them, by somebody who kept an older head.
//!
//! A reset of the vault loses that key. Its line is the first that the new key marks, and holds a digest of all lines before.

mod chain;
mod grants;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId,
    wire::admin::{AuditEntry, AuditPage},
};
use uuid::Uuid;

use crate::{
    admin::{Act, Admin},
    auth::Auth,
    seal::KeyRing,
    store::{StoreError, Tx, Unit},
    text::shown,
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
    /// The admin token or API key that it was done with; `None` for the machine itself, and in older lines.
    pub actor_id: Option<Uuid>,
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
    /// Its mark, as lines get it since rows have marks too.
    pub(crate) fn mark_of(&self, keys: &KeyRing, before: &[u8; 32]) -> [u8; 32] {
        self.with_parts(b"audit record 2", before, |parts| keys.mark(parts))
    }

    /// Whether its mark is right.
    pub(crate) fn is_marked(&self, keys: &KeyRing, before: &[u8; 32]) -> bool {
        self.is_marked_since_rows_are(keys, before)
            || self.mark == self.with_parts(b"audit record", before, |parts| keys.mark(parts))
    }

    /// Whether its mark is right and shows that rows had marks when it was written.
    pub(crate) fn is_marked_since_rows_are(&self, keys: &KeyRing, before: &[u8; 32]) -> bool {
        self.mark == self.mark_of(keys, before)
    }

    /// All that it says, after what came before.
    fn with_parts<T>(&self, label: &[u8], before: &[u8; 32], work: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (seq, at) = (self.seq.to_be_bytes(), self.at.as_millisecond().to_be_bytes());
        let origin = self.origin.as_deref().unwrap_or_default();
        let dev_id = self.dev_id.as_ref().map_or("", DevId::as_str);
        let texts = [&self.actor, origin, &self.action, dev_id, &self.target].map(str::as_bytes);
        let allowed: &[u8] = if self.allowed { b"allowed" } else { b"denied" };
        let head: [&[u8]; 4] = [label, before, &seq, &at];
        let actor_id: Vec<&[u8]> = self.actor_id.iter().map(|id| &id.as_bytes()[..]).collect();
        work(&[&head[..], &texts[..], &[allowed], &actor_id].concat())
    }

    fn to_wire(&self) -> AuditEntry {
        AuditEntry {
            seq: self.seq,
            at: self.at,
            actor: shown(&self.actor),
            actor_id: self.actor_id,
            origin: self.origin.clone(),
            action: self.action.clone(),
            dev_id: self.dev_id.clone(),
            target: shown(&self.target),
            allowed: self.allowed,
            mark: hex::encode(self.mark),
        }
    }
}

/// The longest target of a line.
const MAX_TARGET_CHARS: usize = 200;

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
            actor: shown(&admin.name),
            actor_id: admin.id,
            origin: admin.origin.clone(),
            action: act.action.to_owned(),
            dev_id: act.dev_id.cloned(),
            target: shown(act.target).chars().take(MAX_TARGET_CHARS).collect(),
            allowed,
            mark: [0; 32],
        };
        Self { auth: auth.clone(), record }
    }

    pub(crate) async fn append(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
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
