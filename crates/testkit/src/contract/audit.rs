use std::collections::BTreeSet;

use async_trait::async_trait;
use terra_auth_model::{
    audit::{AuditHead, AuditRecord},
    store::{Store, Tx, Unit},
    store_error::StoreError,
};

use super::at_once;
use crate::{Fixtures, StoreExt as _};

const START: AuditHead = AuditHead { seq: 0, mac: [0; 32] };

fn head_at(record: &AuditRecord) -> AuditHead {
    AuditHead { seq: record.seq, mac: record.mac }
}

/// Covers entries with all optional fields, and with none. The head is the latest entry.
pub async fn a_line_of_the_audit_log_is_read_as_it_was_appended(store: Store) {
    let rows = Fixtures::default();
    assert_eq!(store.hold_audit_head().await.unwrap(), START);
    assert_eq!(store.audit_records(&0, &10).await.unwrap(), []);
    let full = AuditRecord {
        actor_id: Some(rows.user_id().0),
        origin: Some("2001:db8::1".to_owned()),
        dev_id: Some(Fixtures::dev_id("gone")),
        target: "größe".to_owned(),
        allowed: false,
        mac: [255; 32],
        ..rows.audit_record(1)
    };
    let bare = rows.audit_record(2);
    for record in [&full, &bare] {
        store.append_audit_record(record).await.unwrap();
        assert_eq!(store.hold_audit_head().await.unwrap(), head_at(record));
    }
    assert_eq!(store.audit_records(&0, &10).await.unwrap(), [full, bare]);
}

/// A failed attempt does not change the head.
pub async fn a_line_of_the_audit_log_is_not_appended_twice(store: Store) {
    let rows = Fixtures::default();
    let (first, second) = (rows.audit_record(1), rows.audit_record(2));
    store.append_audit_record(&first).await.unwrap();
    store.append_audit_record(&second).await.unwrap();
    assert!(store.append_audit_record(&rows.audit_record(1)).await.is_err());
    assert_eq!(store.hold_audit_head().await.unwrap(), head_at(&second));
    assert_eq!(store.audit_records(&0, &10).await.unwrap(), [first, second]);
}

/// Pages are oldest first, without duplicates.
pub async fn the_audit_log_comes_page_by_page(store: Store) {
    let rows = Fixtures::default();
    let all: Vec<_> = (1..=5).map(|seq| rows.audit_record(seq)).collect();
    for record in &all {
        store.append_audit_record(record).await.unwrap();
    }
    for (after, limit, expected) in
        [(0, 2, &all[..2]), (2, 2, &all[2..4]), (4, 2, &all[4..]), (5, 2, &[]), (u64::MAX, u32::MAX, &[]), (0, 0, &[])]
    {
        assert_eq!(store.audit_records(&after, &limit).await.unwrap(), expected, "{after} {limit}");
    }
}

/// A unit that appends an entry, and may fail afterwards.
struct Append {
    record: AuditRecord,
    refuses: bool,
}

/// A MAC that depends on the entry and all entries before it.
fn mac(before: &AuditHead, record: &AuditRecord) -> [u8; 32] {
    let mut mac = before.mac;
    mac.rotate_left(1);
    mac.iter_mut().zip(record.target.bytes()).for_each(|(byte, letter)| *byte ^= letter);
    mac
}

#[async_trait]
impl Unit for Append {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let head = tx.lock_audit_head().await?;
        let mac = mac(&head, &self.record);
        tx.append_audit_record(&AuditRecord { seq: head.seq + 1, mac, ..self.record.clone() }).await?;
        if self.refuses { Err(StoreError::Busy) } else { Ok(()) }
    }
}

/// Concurrent appends leave no gap and no fork, and rolled back entries leave no trace.
pub async fn a_hundred_who_append_at_once_leave_one_chain(store: Store) {
    let rows = Fixtures::default();
    let appended = at_once(120, |n| {
        let record = AuditRecord { target: format!("line {n}"), ..rows.audit_record(0) };
        let (store, unit) = (store.clone(), Append { record, refuses: n % 6 == 1 });
        async move { store.run(unit).await.is_ok() }
    });
    assert_eq!(appended.await.into_iter().filter(|appended| *appended).count(), 100);
    let records = store.audit_records(&0, &200).await.unwrap();
    let mut head = START;
    for record in &records {
        assert_eq!((record.seq, record.mac), (head.seq + 1, mac(&head, record)));
        head = head_at(record);
    }
    assert_eq!(store.hold_audit_head().await.unwrap(), head);
    let targets: BTreeSet<_> = records.iter().map(|record| &record.target).collect();
    assert_eq!((targets.len(), head.seq), (100, 100));
}
