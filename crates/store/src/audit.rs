//! The audit log, and the head of its chain.

use async_trait::async_trait;
use terra_auth_model::{
    audit::{AuditHead, AuditRecord, Audits},
    store_error::StoreError,
};

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row, failed},
};

macro_rules! columns {
    () => {
        "seq, at_ms, actor, actor_id, origin, action, dev_id, target, allowed, mac"
    };
}

statements! {
    LOCK_AUDIT_HEAD: Sql::locking("SELECT seq, mac FROM audit_head WHERE id = 1", Lock::ForUpdate, "");
    MOVE_AUDIT_HEAD: Sql::plain("UPDATE audit_head SET seq = $1, mac = $2 WHERE id = 1");
    ADD_AUDIT_RECORD: Sql::plain(concat!(
        "INSERT INTO audit_record (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    ));
    AUDIT_RECORDS: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM audit_record WHERE seq > $1 ORDER BY seq LIMIT $2",
    ));
}

#[derive(Debug, thiserror::Error)]
#[error("the head of the audit log is missing")]
struct AuditHeadMissing;

#[async_trait]
impl<D: Database> Audits for Queries<D> {
    async fn lock_audit_head(&mut self) -> Result<AuditHead, StoreError> {
        self.first(LOCK_AUDIT_HEAD, &[]).await?.ok_or_else(|| failed(AuditHeadMissing))
    }

    async fn append_audit_record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        let values = [
            record.seq.value(),
            record.at.value(),
            record.actor.value(),
            record.actor_id.value(),
            record.origin.value(),
            record.action.value(),
            record.dev_id.value(),
            record.target.value(),
            record.allowed.value(),
            record.mac.value(),
        ];
        self.execute(ADD_AUDIT_RECORD, &values).await?;
        self.execute(MOVE_AUDIT_HEAD, &[record.seq.value(), record.mac.value()]).await?;
        Ok(())
    }

    async fn audit_records(&mut self, after: u64, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        self.all(AUDIT_RECORDS, &[after.value(), limit.value()]).await
    }
}

impl Record for AuditHead {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { seq: row.take()?, mac: row.take()? })
    }
}

impl Record for AuditRecord {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            seq: row.take()?,
            at: row.take()?,
            actor: row.take()?,
            actor_id: row.take()?,
            origin: row.take()?,
            action: row.take()?,
            dev_id: row.take()?,
            target: row.take()?,
            allowed: row.take()?,
            mac: row.take()?,
        })
    }
}
