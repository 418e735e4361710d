//! The audit log.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, wire::admin::AuditEntry};
use uuid::Uuid;

use crate::{digest::sha256, keys::ring::KeyRing, store_error::StoreError, text::printable};

/// One stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The number of the entry, from 1, without gaps.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The caller's name.
    pub actor: String,
    /// The id of the admin token or API key; `None` for the process itself.
    pub actor_id: Option<Uuid>,
    /// The caller's address.
    pub origin: Option<String>,
    /// The action, such as `api_key.rotate`.
    pub action: String,
    /// The environment.
    pub dev_id: Option<DevId>,
    /// The object of the action.
    pub target: String,
    /// Whether the action was allowed.
    pub allowed: bool,
    /// The MAC over this entry and the MAC before it.
    pub mac: [u8; 32],
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The newest entry; 0 before the first.
    pub seq: u64,
    /// Its MAC; zeros before the first.
    pub mac: [u8; 32],
}

/// The verbs for the audit log. There is none that changes or deletes an entry.
#[async_trait]
pub trait Audits: Send {
    /// The end of the chain, locked until this unit ends.
    async fn lock_audit_head(&mut self) -> Result<AuditHead, StoreError>;

    /// Appends an entry and moves the head to it.
    async fn append_audit_record(&mut self, record: &AuditRecord) -> Result<(), StoreError>;

    /// Up to `limit` entries after `seq`, oldest first.
    async fn audit_records(&mut self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, StoreError>;
}

impl AuditRecord {
    /// The MAC of an entry, in the format since rows have MACs too.
    pub fn mac_of(&self, keys: &KeyRing, before: &[u8; 32]) -> [u8; 32] {
        self.with_parts(b"audit record 2", before, |parts| keys.mac(parts))
    }

    /// Whether its MAC is valid.
    pub fn has_valid_mac(&self, keys: &KeyRing, before: &[u8; 32]) -> bool {
        self.has_mac_since_rows_have(keys, before)
            || self.mac == self.with_parts(b"audit record", before, |parts| keys.mac(parts))
    }

    /// Whether its MAC is valid and shows that rows had MACs when it was written.
    pub fn has_mac_since_rows_have(&self, keys: &KeyRing, before: &[u8; 32]) -> bool {
        self.mac == self.mac_of(keys, before)
    }

    /// Passes all fields, after the MAC before, to `work`.
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

    /// The entry as the wire shows it.
    #[must_use]
    pub fn to_wire(&self) -> AuditEntry {
        AuditEntry {
            seq: self.seq,
            at: self.at,
            actor: printable(&self.actor),
            actor_id: self.actor_id,
            origin: self.origin.clone(),
            action: self.action.clone(),
            dev_id: self.dev_id.clone(),
            target: printable(&self.target),
            allowed: self.allowed,
            mac: hex::encode(self.mac),
        }
    }
}

impl AuditRecord {
    /// SHA-256 over the digest of the earlier entries and this entry.
    #[must_use]
    pub fn digest(&self, before: &[u8; 32]) -> [u8; 32] {
        self.with_parts(b"audit record", before, |parts| {
            let all = parts.iter().copied().chain([&self.mac[..]]);
            let bytes: Vec<u8> = all.flat_map(|part| [&part.len().to_be_bytes(), part].concat()).collect();
            sha256(&bytes)
        })
    }
}
