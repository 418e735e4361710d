//! Whether every line is there, unchanged and in order.

use terra_auth_types::wire::admin::AuditVerdict;

use super::{AuditHead, AuditRecord, PAGE, ReadAudit, ReadHead, grants::Grants};
use crate::{auth::Auth, digest::sha256, seal::KeyRing, store::StoreError, vault::RESET};

impl Auth {
    /// Looks at every line: whether it is there, unchanged and in order, and whether the last one is the head. Lines from
    /// before a reset of the vault that lost their key can only be compared with what they were then. Rows that grant
    /// something are compared with their marks and with the lines.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, StoreError> {
        let head = self.store.run(ReadHead).await?;
        let mut chain = Chain::new(&self.keys);
        while chain.last.seq < head.seq {
            let records = self.store.read(ReadAudit { after: chain.last.seq, limit: PAGE }).await?;
            if records.is_empty() {
                break;
            }
            if !records.iter().all(|record| chain.follow(record)) {
                return self.judge(&chain, false).await;
            }
        }
        // Lines that were added meanwhile are beyond the head that was read.
        self.judge(&chain, chain.last.seq > head.seq || chain.last == head).await
    }

    async fn judge(&self, chain: &Chain<'_>, whole: bool) -> Result<AuditVerdict, StoreError> {
        let verdict = chain.verdict(whole);
        let found = self.compare_grants(&chain.grants).await?;
        // A log that is not whole does not name everything.
        let unlogged = if verdict.intact { found.unlogged } else { Vec::new() };
        Ok(AuditVerdict { refused_rows: found.refused_rows, unlogged, ..verdict })
    }

    /// The first line that was written when rows had marks already.
    pub(crate) async fn first_line_since_marks(&self) -> Result<Option<u64>, StoreError> {
        let mut last = AuditHead { seq: 0, mark: [0; 32] };
        loop {
            let records = self.store.read(ReadAudit { after: last.seq, limit: PAGE }).await?;
            for record in &records {
                if record.is_marked_since_rows_are(&self.keys, &last.mark) {
                    return Ok(Some(record.seq));
                }
                last = AuditHead { seq: record.seq, mark: record.mark };
            }
            if records.is_empty() {
                return Ok(None);
            }
        }
    }

    /// The end of the log, and a digest of all that is in it.
    pub(crate) async fn audit_so_far(&self) -> Result<(AuditHead, String), StoreError> {
        let head = self.store.run(ReadHead).await?;
        let (mut last, mut digest) = (0, [0; 32]);
        while last < head.seq {
            let records = self.store.read(ReadAudit { after: last, limit: PAGE }).await?;
            let Some(newest) = records.last() else { break };
            last = newest.seq;
            digest = records.iter().fold(digest, |digest, record| record.digest(&digest));
        }
        Ok((head, hex::encode(digest)))
    }
}

impl AuditRecord {
    /// SHA-256 over all of the line, after that over the lines before.
    fn digest(&self, before: &[u8; 32]) -> [u8; 32] {
        self.with_parts(b"audit record", before, |parts| {
            let all = parts.iter().copied().chain([&self.mark[..]]);
            let bytes: Vec<u8> = all.flat_map(|part| [&part.len().to_be_bytes(), part].concat()).collect();
            sha256(&bytes)
        })
    }
}

/// The lines that were looked at.
struct Chain<'a> {
    keys: &'a KeyRing,
    last: AuditHead,
    /// The digest of all lines, as long as their key is lost; `None` from where the present key marks.
    lost: Option<[u8; 32]>,
    reset_at: Option<u64>,
    grants: Grants,
}

impl<'a> Chain<'a> {
    fn new(keys: &'a KeyRing) -> Self {
        let lost = keys.marks_anew().then_some([0; 32]);
        Self { keys, last: AuditHead { seq: 0, mark: [0; 32] }, lost, reset_at: None, grants: Grants::default() }
    }

    /// Takes the next line; answers whether it is the next one, as far as can be told.
    fn follow(&mut self, record: &AuditRecord) -> bool {
        let fits = record.is_marked(self.keys, &self.last.mark);
        if let Some(digest) = self.lost {
            if fits && record.action == RESET {
                // Nobody without the present key can make such a line.
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
            self.last = AuditHead { seq: record.seq, mark: record.mark };
        }
        follows
    }

    /// Among lines of a lost key nobody knows which one was changed, and where the reset is missing there is no proof.
    fn verdict(&self, whole: bool) -> AuditVerdict {
        let entries = if self.lost.is_some() { 0 } else { self.last.seq };
        let intact = whole && self.lost.is_none();
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
