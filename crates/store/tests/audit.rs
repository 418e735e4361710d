//! An audit log that somebody with the database in hand has changed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use terra_auth_core::{
    Auth,
    admin::Admin,
    clock::{Clock as _, SystemClock, SystemEntropy},
    seal::{KeyRing, KeysInStead, MasterKey, MasterKeys},
    store::Store,
};
use terra_auth_testkit::bench;
use terra_auth_types::wire::admin::{AuditVerdict, CreateAdminToken, Role};

async fn auth(path: &Path) -> Auth {
    bench::auth(open(path).await)
}

async fn open(path: &Path) -> Store {
    terra_auth_store::open(&format!("sqlite://{}", path.display()).into()).await.unwrap()
}

/// What a server finds in a log of five lines that was changed while none was running.
async fn verdict_after(script: &str) -> AuditVerdict {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let before = auth(&path).await;
    for name in ["a", "b", "c", "d"] {
        let new = CreateAdminToken { name: name.to_owned(), role: Role::Owner, expires_in_days: None };
        before.create_admin_token(&Admin::local("tests"), &new).await.unwrap();
    }
    before.record_unknown_admin(Some("192.0.2.1".to_owned()), "GET /tokens").await.unwrap();
    assert_eq!(
        before.verify_audit().await.unwrap(),
        AuditVerdict { intact: true, entries: 5, broken_at: None, reset_at: None }
    );
    drop(before);
    rusqlite::Connection::open(&path).unwrap().execute_batch(script).unwrap();
    auth(&path).await.verify_audit().await.unwrap()
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_intact() {
    assert_eq!(verdict_after("").await, AuditVerdict { intact: true, entries: 5, broken_at: None, reset_at: None });
}

#[tokio::test]
async fn no_part_of_a_line_changes_unseen() {
    for change in [
        "actor = 'nobody'",
        "origin = '198.51.100.1'",
        "action = 'admin_token.list'",
        "dev_id = 'acme'",
        "target = 'z'",
        "at_ms = at_ms + 1",
        "allowed = 1 - allowed",
        "mark = zeroblob(32)",
        "actor = actor || action, action = ''",
    ] {
        let verdict = verdict_after(&format!("UPDATE audit_record SET {change} WHERE seq = 3")).await;
        assert_eq!(verdict, AuditVerdict { intact: false, entries: 2, broken_at: Some(3), reset_at: None }, "{change}");
    }
}

#[tokio::test]
async fn no_line_is_removed_moved_or_added_unseen() {
    for (script, broken_at) in [
        ("DELETE FROM audit_record WHERE seq = 1", 1),
        ("DELETE FROM audit_record WHERE seq = 3", 3),
        ("DELETE FROM audit_record WHERE seq = 5", 5),
        ("DELETE FROM audit_record", 1),
        ("DELETE FROM audit_record WHERE seq = 3; UPDATE audit_record SET seq = seq - 1 WHERE seq > 3", 3),
        (
            "UPDATE audit_record SET seq = 9 WHERE seq = 2; UPDATE audit_record SET seq = 2 WHERE seq = 3;
             UPDATE audit_record SET seq = 3 WHERE seq = 9",
            2,
        ),
        (
            "INSERT INTO audit_record SELECT 6, at_ms, actor, origin, action, dev_id, target, allowed, mark
                 FROM audit_record WHERE seq = 5;
             UPDATE audit_head SET seq = 6",
            6,
        ),
        ("UPDATE audit_head SET mark = zeroblob(32)", 6),
    ] {
        let verdict = verdict_after(script).await;
        assert_eq!((verdict.intact, verdict.broken_at), (false, Some(broken_at)), "{script}");
    }
}

/// A node with the one master key of this byte.
async fn start(store: &Store, byte: u8) -> Auth {
    let masters = MasterKeys::new(MasterKey([byte; 32].into()), Vec::new());
    bench::auth_with(store.clone(), KeyRing::open_in(store, masters, &SystemEntropy, SystemClock.now()).await.unwrap())
}

/// The same for a log of which a reset of the vault is the third line.
async fn verdict_with_a_reset_after(script: &str) -> AuditVerdict {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).await;
    let before = start(&store, 1).await;
    for name in ["a", "b"] {
        let new = CreateAdminToken { name: name.to_owned(), role: Role::Owner, expires_in_days: None };
        before.create_admin_token(&Admin::local("tests"), &new).await.unwrap();
    }
    let masters = MasterKeys::new(MasterKey([2; 32].into()), Vec::new());
    let lost = KeyRing::instead_of_lost(&store, masters, &SystemEntropy, SystemClock.now(), false).await;
    let KeysInStead { ring, rows } = lost.unwrap();
    let anew = bench::auth_with(store, ring);
    anew.reset_vault(&Admin::local("tests"), rows, Duration::ZERO, |_| {}).await.unwrap();
    drop((before, anew));
    rusqlite::Connection::open(&path).unwrap().execute_batch(script).unwrap();
    start(&open(&path).await, 2).await.verify_audit().await.unwrap()
}

#[tokio::test]
async fn what_came_before_a_reset_does_not_change_unseen_afterwards() {
    let untouched = AuditVerdict { intact: true, entries: 4, broken_at: None, reset_at: Some(3) };
    assert_eq!(verdict_with_a_reset_after("").await, untouched);
    for (script, broken_at, reset_at) in [
        ("UPDATE audit_record SET actor = 'nobody' WHERE seq = 1", 1, Some(3)),
        ("UPDATE audit_record SET mark = zeroblob(32) WHERE seq = 1", 1, Some(3)),
        ("UPDATE audit_record SET mark = zeroblob(32) WHERE seq = 2", 1, None),
        ("DELETE FROM audit_record WHERE seq = 1", 1, None),
        ("UPDATE audit_record SET target = 'z' WHERE seq = 3", 1, None),
        ("DELETE FROM audit_record WHERE seq >= 3; UPDATE audit_head SET seq = 2", 1, None),
        ("UPDATE audit_record SET actor = 'nobody' WHERE seq = 4", 4, Some(3)),
    ] {
        let broken = AuditVerdict { intact: false, entries: broken_at - 1, broken_at: Some(broken_at), reset_at };
        assert_eq!(verdict_with_a_reset_after(script).await, broken, "{script}");
    }
}
