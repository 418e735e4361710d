//! An audit log that somebody with the database in hand has changed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use terra_auth_core::{Auth, admin::action::Admin, developer::NewDeveloper};
use terra_auth_model::{
    clock::{Clock as _, SystemClock, SystemEntropy},
    keys::{KeyRing, MasterKey, MasterKeys, ReplacementKeys},
    store::Store,
};
use terra_auth_testkit::{Fixtures, StoreExt as _};
use terra_auth_types::{
    Environment,
    wire::admin::{AuditVerdict, CreateAdminToken, RetireKey, Role},
};

async fn auth(path: &Path) -> Auth {
    terra_auth_testkit::auth(open(path).await)
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
        AuditVerdict { intact: true, entries: 5, broken_at: None, reset_at: None, ..AuditVerdict::default() }
    );
    drop(before);
    rusqlite::Connection::open(&path).unwrap().execute_batch(script).unwrap();
    auth(&path).await.verify_audit().await.unwrap()
}

#[tokio::test]
async fn a_log_that_nobody_touched_is_intact() {
    assert_eq!(
        verdict_after("").await,
        AuditVerdict { intact: true, entries: 5, broken_at: None, reset_at: None, ..AuditVerdict::default() }
    );
}

#[tokio::test]
async fn every_change_of_a_line_is_detected() {
    for change in [
        "actor = 'nobody'",
        "actor_id = zeroblob(16)",
        "origin = '198.51.100.1'",
        "action = 'admin_token.list'",
        "dev_id = 'acme'",
        "target = 'z'",
        "at_ms = at_ms + 1",
        "allowed = 1 - allowed",
        "mac = zeroblob(32)",
        "actor = actor || action, action = ''",
    ] {
        let verdict = verdict_after(&format!("UPDATE audit_record SET {change} WHERE seq = 3")).await;
        assert_eq!(
            verdict,
            AuditVerdict { intact: false, entries: 2, broken_at: Some(3), reset_at: None, ..AuditVerdict::default() },
            "{change}"
        );
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
            "INSERT INTO audit_record (seq, at_ms, actor, origin, action, dev_id, target, allowed, mac)
                 SELECT 6, at_ms, actor, origin, action, dev_id, target, allowed, mac
                 FROM audit_record WHERE seq = 5;
             UPDATE audit_head SET seq = 6",
            6,
        ),
        ("UPDATE audit_head SET mac = zeroblob(32)", 6),
    ] {
        let verdict = verdict_after(script).await;
        assert_eq!((verdict.intact, verdict.broken_at), (false, Some(broken_at)), "{script}");
    }
}

/// A store with an environment, its key and two admin tokens, changed while no server ran.
async fn changed_by(script: &str) -> (TempDir, Auth) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let before = auth(&path).await;
    let admin = Admin::local("tests");
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: Some("https://app.example/hooks".parse().unwrap()),
        bound_tokens_only: false,
    };
    before.create_developer(&admin, new).await.unwrap();
    for (name, role) in [("alice", Role::Owner), ("bob", Role::ReadOnly)] {
        let new = CreateAdminToken { name: name.to_owned(), role, expires_in_days: None };
        before.create_admin_token(&admin, &new).await.unwrap();
    }
    drop(before);
    rusqlite::Connection::open(&path).unwrap().execute_batch(script).unwrap();
    let after = auth(&path).await;
    after.add_row_macs_once().await.unwrap();
    after.reload().await.unwrap();
    (folder, after)
}

const TO_BEFORE_MARKS: &str = "
    UPDATE admin_token SET mac = NULL; UPDATE api_key SET mac = NULL; UPDATE developer SET mac = NULL;
    UPDATE row_macs SET seq = NULL;";

#[tokio::test]
async fn every_changed_column_of_a_protected_row_is_detected() {
    for change in [
        "admin_token SET role = 'owner' WHERE name = 'bob'",
        "admin_token SET digest = zeroblob(32) WHERE name = 'bob'",
        "admin_token SET name = 'mallory' WHERE name = 'bob'",
        "admin_token SET expires_at_ms = NULL WHERE name = 'bob'",
        "admin_token SET created_at_ms = 0 WHERE name = 'bob'",
        "admin_token SET mac = NULL WHERE name = 'bob'",
        "admin_token SET mac = x'00' WHERE name = 'bob'",
        "admin_token SET mac = (SELECT mac FROM admin_token WHERE name = 'alice') WHERE name = 'bob'",
        "api_key SET scopes = '[\"access_tokens:lend\"]'",
        "api_key SET digest = zeroblob(32)",
        "api_key SET expires_at_ms = 9000000000000",
        "api_key SET hint = '1234'",
        "destination SET url = 'https://evil.example/'",
        "destination SET enabled = 0",
        "destination SET event_types = '[]'",
        "destination SET mac = NULL",
        "developer SET redirect_allow_list = '[\"https://evil.example/\"]'",
        "developer SET keep_user_id = 1",
        "developer SET bound_tokens_only = 1",
        "developer SET user_limit = NULL",
        "developer SET status = 'disabled'",
        "developer SET signing_secret = x'00'",
        "developer SET environment = 'production'",
    ] {
        let (_folder, auth) = changed_by(&format!("UPDATE {change}")).await;
        let verdict = auth.verify_audit().await.unwrap();
        assert!(verdict.intact);
        assert_eq!(verdict.refused_rows.len(), 1, "{change}");
        assert_eq!(auth.refused_rows().len(), 1, "{change}");
        let table = change.split(' ').next().unwrap();
        assert!(verdict.refused_rows[0].starts_with(&format!("{table} ")), "{change}: {:?}", verdict.refused_rows);
    }
    let (_folder, auth) = changed_by("UPDATE api_key SET last_used_at_ms = 1").await;
    assert!(auth.verify_audit().await.unwrap().refused_rows.is_empty(), "that grants nothing");
}

#[tokio::test]
async fn a_store_from_before_marks_gets_them_once() {
    // Lines from before marks have the older mac, as a server without marks would have written them.
    let (_folder, auth) = changed_by(TO_BEFORE_MARKS).await;
    assert_eq!(auth.refused_rows().len(), 4, "its log shows that rows were marked before");

    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).await;
    let (rows, admin) = (Fixtures::default(), Admin::local("tests"));
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    store.add_api_key(&rows.api_key(&developer)).await.unwrap();
    store.add_admin_token(&rows.admin_token()).await.unwrap();
    let auth = terra_auth_testkit::auth(store.clone());
    auth.add_row_macs_once().await.unwrap();
    assert!(auth.refused_rows().is_empty());
    assert_eq!(auth.list_admin_tokens(&admin).await.unwrap().len(), 1);
    let actions: Vec<_> = store.audit_records(&0, &10).await.unwrap().into_iter().map(|line| line.action).collect();
    assert_eq!(actions, ["admin_token.adopt", "api_key.adopt", "store.mark_rows"]);

    store.add_admin_token(&rows.admin_token()).await.unwrap();
    auth.add_row_macs_once().await.unwrap();
    assert_eq!(auth.list_admin_tokens(&admin).await.unwrap().len(), 1, "a later row without a mac is refused");
    drop((store, auth));
    rusqlite::Connection::open(&path).unwrap().execute_batch("UPDATE row_macs SET seq = NULL").unwrap();
    let auth = terra_auth_testkit::auth(open(&path).await);
    auth.add_row_macs_once().await.unwrap();
    assert_eq!(auth.list_admin_tokens(&admin).await.unwrap().len(), 1, "whatever the store says about earlier");
    assert_eq!(auth.trust_rows_as_they_are(&admin).await.unwrap(), 4);
    assert_eq!(auth.list_admin_tokens(&admin).await.unwrap().len(), 2, "unless the operator says so");
}

#[tokio::test]
async fn a_restored_old_row_contradicts_the_audit_log() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("store.db");
    let (auth, admin) = (auth(&path).await, Admin::local("tests"));
    let new = CreateAdminToken { name: "alice".to_owned(), role: Role::Owner, expires_in_days: None };
    auth.create_admin_token(&admin, &new).await.unwrap();
    let token = auth.create_admin_token(&admin, &new).await.unwrap().info.token_id;
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: None,
        bound_tokens_only: false,
    };
    let dev_id = auth.create_developer(&admin, new).await.unwrap().dev_id;
    let key_id = auth.list_api_keys(&dev_id).await.unwrap()[0].key_id;
    let there = auth.verify_audit().await.unwrap();
    assert_eq!((there.refused_rows.len(), there.unlogged.len()), (0, 0));

    let sql = rusqlite::Connection::open(&path).unwrap();
    sql.execute_batch("CREATE TEMP TABLE t AS SELECT * FROM admin_token; CREATE TEMP TABLE k AS SELECT * FROM api_key")
        .unwrap();
    auth.revoke_admin_token(&admin, token).await.unwrap();
    let at_once = RetireKey { now: true, ..RetireKey::default() };
    auth.revoke_api_key(&admin, &dev_id, key_id, at_once).await.unwrap();
    assert!(auth.verify_audit().await.unwrap().unlogged.is_empty());
    drop(auth);
    sql.execute_batch("REPLACE INTO admin_token SELECT * FROM t; REPLACE INTO api_key SELECT * FROM k").unwrap();
    drop(sql);

    let verdict = crate::auth(&path).await.verify_audit().await.unwrap();
    assert_eq!((verdict.intact, verdict.refused_rows.len()), (true, 0), "their marks are right");
    assert_eq!(verdict.unlogged, [format!("admin_token {token}"), format!("api_key {key_id}")]);
}

/// A node with the one master key of this byte.
async fn start(store: &Store, byte: u8) -> Auth {
    let masters = MasterKeys::new(MasterKey([byte; 32].into()), Vec::new());
    terra_auth_testkit::auth_with_keys(
        store.clone(),
        KeyRing::open_in(store, masters, &SystemEntropy, SystemClock.now()).await.unwrap(),
    )
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
    let lost = KeyRing::replace_lost_keys(&store, masters, &SystemEntropy, SystemClock.now(), false).await;
    let ReplacementKeys { ring, rows } = lost.unwrap();
    let anew = terra_auth_testkit::auth_with_keys(store, ring);
    anew.reset_vault(&Admin::local("tests"), rows, Duration::ZERO, |_| {}).await.unwrap();
    drop((before, anew));
    rusqlite::Connection::open(&path).unwrap().execute_batch(script).unwrap();
    start(&open(&path).await, 2).await.verify_audit().await.unwrap()
}

#[tokio::test]
async fn changes_of_entries_before_a_reset_are_detected() {
    let untouched =
        AuditVerdict { intact: true, entries: 4, broken_at: None, reset_at: Some(3), ..AuditVerdict::default() };
    assert_eq!(verdict_with_a_reset_after("").await, untouched);
    for (script, broken_at, reset_at) in [
        ("UPDATE audit_record SET actor = 'nobody' WHERE seq = 1", 1, Some(3)),
        ("UPDATE audit_record SET mac = zeroblob(32) WHERE seq = 1", 1, Some(3)),
        ("UPDATE audit_record SET mac = zeroblob(32) WHERE seq = 2", 1, None),
        ("DELETE FROM audit_record WHERE seq = 1", 1, None),
        ("UPDATE audit_record SET target = 'z' WHERE seq = 3", 1, None),
        ("DELETE FROM audit_record WHERE seq >= 3; UPDATE audit_head SET seq = 2", 1, None),
        ("UPDATE audit_record SET actor = 'nobody' WHERE seq = 4", 4, Some(3)),
    ] {
        let broken = AuditVerdict {
            intact: false,
            entries: broken_at - 1,
            broken_at: Some(broken_at),
            reset_at,
            ..AuditVerdict::default()
        };
        assert_eq!(verdict_with_a_reset_after(script).await, broken, "{script}");
    }
}
