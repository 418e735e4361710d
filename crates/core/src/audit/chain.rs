//! Verifies that every entry of the audit log is present, unchanged and in order.

use terra_auth_model::{
    audit::{AuditHead, AuditRecord},
    keys::KeyRing,
    store_error::StoreError,
};
use terra_auth_types::wire::admin::AuditVerdict;

use super::{MAX_AUDIT_PAGE, ReadAudit, ReadHead, grants::AuditedGrants};
use crate::{auth::Auth, vault::RESET_ACTION};

impl Auth {
    /// Verifies the audit log: every entry is present, unchanged and in order, and the last one is the head.
    ///
    /// The MAC key of entries from before a vault reset is lost. These entries can only be compared with the digest
    /// that the reset recorded. Rows that grant access are compared with their MACs and with the entries.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let head = self.store().run(ReadHead {}).await?;
        let mut chain = Chain::new(self.keys());
        while chain.last.seq < head.seq {
            let records = self.store().read(ReadAudit { after: chain.last.seq, limit: MAX_AUDIT_PAGE }).await?;
            if records.is_empty() {
                break;
            }
            if !records.iter().all(|record| chain.follow(record)) {
                return self.verdict_with_grants(&chain, false).await;
            }
        }
        // Entries that were appended meanwhile are beyond the head that was read.
        self.verdict_with_grants(&chain, chain.last.seq > head.seq || chain.last == head).await
    }

    async fn verdict_with_grants(&self, chain: &Chain<'_>, complete: bool) -> Result<AuditVerdict, StoreError> {
        let verdict = chain.verdict(complete);
        let found = self.compare_grants(&chain.grants).await?;
        // An incomplete log does not name every grant.
        let unlogged = if verdict.intact { found.unlogged } else { Vec::new() };
        Ok(AuditVerdict { refused_rows: found.refused_rows, unlogged, ..verdict })
    }

    /// Returns the sequence number of the first entry that was written after rows had MACs.
    pub(crate) async fn first_entry_since_row_macs(&self) -> Result<Option<u64>, StoreError> {
        let mut last = AuditHead { seq: 0, mac: [0; 32] };
        loop {
            let records = self.store().read(ReadAudit { after: last.seq, limit: MAX_AUDIT_PAGE }).await?;
            for record in &records {
                if record.has_mac_since_rows_have(self.keys(), &last.mac) {
                    return Ok(Some(record.seq));
                }
                last = AuditHead { seq: record.seq, mac: record.mac };
            }
            if records.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Returns the head of the log, and a digest of all entries.
    pub(crate) async fn audit_head_digest(&self) -> Result<(AuditHead, String), StoreError> {
        let head = self.store().run(ReadHead {}).await?;
        let (mut last, mut digest) = (0, [0; 32]);
        while last < head.seq {
            let records = self.store().read(ReadAudit { after: last, limit: MAX_AUDIT_PAGE }).await?;
            let Some(newest) = records.last() else { break };
            last = newest.seq;
            digest = records.iter().fold(digest, |digest, record| record.digest(&digest));
        }
        Ok((head, hex::encode(digest)))
    }
}

/// The entries that were verified so far.
struct Chain<'a> {
    keys: &'a KeyRing,
    last: AuditHead,
    /// The digest of all entries so far, while their MAC key is lost; `None` from the first entry under the current
    /// key.
    lost: Option<[u8; 32]>,
    reset_at: Option<u64>,
    grants: AuditedGrants,
}

impl<'a> Chain<'a> {
    fn new(keys: &'a KeyRing) -> Self {
        let lost = keys.mac_key_was_replaced().then_some([0; 32]);
        Self { keys, last: AuditHead { seq: 0, mac: [0; 32] }, lost, reset_at: None, grants: AuditedGrants::default() }
    }

    /// Adds an entry; returns whether it is the next one, as far as that can be verified.
    fn follow(&mut self, record: &AuditRecord) -> bool {
        let fits = record.has_valid_mac(self.keys, &self.last.mac);
        if let Some(digest) = self.lost {
            if fits && record.action == RESET_ACTION {
                // This entry cannot be forged without the current key.
                self.reset_at = Some(record.seq);
                if record.target != hex::encode(digest) {
                    return false;
                }
                self.lost = None;
            } else {
                self.lost = Some(record.digest(&digest));
            }
        } else if !fits {
            return false;
        }
        let follows = record.seq == self.last.seq + 1;
        if follows {
            self.grants.follow(record);
            self.last = AuditHead { seq: record.seq, mac: record.mac };
        }
        follows
    }

    /// A changed entry under a lost key cannot be located, and without the reset's entry there is no proof at all. So
    /// no entry counts as verified then.
    fn verdict(&self, complete: bool) -> AuditVerdict {
        let entries = if self.lost.is_some() { 0 } else { self.last.seq };
        let intact = complete && self.lost.is_none();
        AuditVerdict {
            intact,
            entries,
            broken_at: (!intact).then_some(entries + 1),
            reset_at: self.reset_at,
            refused_rows: Vec::new(),
            unlogged: Vec::new(),
        }
    }
}
