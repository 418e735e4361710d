//! A reset discards the values that a lost master key protected, and nothing else.

use std::{sync::Arc, time::Duration};

use terra_auth_core::{
    Auth,
    admin::action::AdminError,
    sdk_user::AuthenticateSdkUserError,
    vault::{Reset, ResetProgress, ResetVaultError},
};
use terra_auth_model::{
    audit::AuditRecord,
    clock::{Clock as _, SystemClock, SystemEntropy},
    keys::{KeyRing, LostKeysError, OpenVaultError, Purpose, ReplacementKeys},
    store::Store,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::StoreExt as _;
use terra_auth_types::{
    DevId, Provider,
    wire::{
        AuthenticateSdkUserParams,
        admin::{RevocationOutcome, RevocationReason, RevocationReport},
    },
};

use crate::{
    dying::{Healthy, dying},
    world::{admin, assert_all_decrypt, fill, in_memory, masters, postgres, start},
};

/// The replacement keys with which a reset would begin.
async fn replacement_keys(store: &Store, keys: &[u8], all: bool) -> Result<ReplacementKeys, LostKeysError> {
    KeyRing::replace_lost_keys(store, masters(keys), &SystemEntropy, SystemClock.now(), all).await
}

async fn reset(store: &Store, keys: &[u8]) -> Option<Reset> {
    let ReplacementKeys { ring, rows } = replacement_keys(store, keys, false).await.ok()?;
    terra_auth_testkit::auth_with_keys(store.clone(), ring)
        .reset_vault(&admin(), rows, Duration::ZERO, |_| {})
        .await
        .ok()
}

fn fitbit() -> Provider {
    "FITBIT".parse().unwrap()
}

/// Everything that must survive, without the parts that a reset changes.
async fn kept(store: &Store, dev_id: &DevId) -> String {
    let mut developers = store.developers().await.unwrap();
    for developer in &mut developers {
        developer.signing_secret.0.clear();
        developer.retiring_secret = None;
    }
    let mut connections = store.connections_after(dev_id, &None, &1000).await.unwrap();
    for connection in &mut connections {
        (connection.grant, connection.active) = (None, true);
    }
    let apps = store.provider_apps().await.unwrap();
    let apps: Vec<_> = apps.iter().map(|app| (&app.dev_id, &app.provider, &app.client_id, app.created_at)).collect();
    let keys = (store.api_keys().await.unwrap(), store.admin_tokens().await.unwrap());
    format!("{developers:?} {connections:?} {apps:?} {keys:?} {}", store.count_connections(dev_id).await.unwrap())
}

/// The types of the events.
async fn waiting(auth: &Auth, dev_id: &DevId) -> Vec<String> {
    auth.events_after(dev_id, None, 1000).await.unwrap().into_iter().map(|event| event.kind).collect()
}

async fn sealed_values_are_discarded_and_everything_else_remains(store: Store) {
    let before = start(&store, &[1]).await.unwrap();
    let (dev_id, connections) = fill(&before, 250).await;
    before.bootstrap_admin().await.unwrap();
    let (kept_before, log) = (kept(&store, &dev_id).await, store.audit_records(&0, &100).await.unwrap());

    let done = reset(&store, &[2]).await.unwrap();
    let forgotten = ResetProgress { looked_at: 504 + 2, values: 504, connections: 250, revocations: 250 };
    let apps = vec![(dev_id.clone(), fitbit())];
    assert_eq!(done, Reset { discarded: forgotten, signing_secrets: vec![dev_id.clone()], apps });

    let after = start(&store, &[2]).await.unwrap();
    assert_eq!((assert_all_decrypt(&after).await, kept(&store, &dev_id).await), ((2, 0), kept_before));
    assert_eq!(store.audit_records(&0, &1000).await.unwrap()[..log.len()], log);
    for connection in &connections {
        let now = store.connection(&dev_id, &connection.user_id).await.unwrap().unwrap();
        assert_eq!((now.active, now.grant), (false, None));
    }
    assert_eq!(waiting(&after, &dev_id).await, vec!["connection_error"; 250]);
    let reports = store.revocation_reports(&dev_id, &None, &None, &1000).await.unwrap();
    let impossible = |report: &RevocationReport| {
        (report.outcome, report.reason) == (RevocationOutcome::Impossible, Some(RevocationReason::TokensUnreadable))
    };
    assert!(reports.len() == 250 && reports.iter().all(impossible));
    let developer = after.directory().developer(&dev_id).unwrap();
    assert_eq!(after.signing_secrets(&developer).unwrap().first.expose().len(), 64);
    assert!(store.provider_app(&dev_id, &fitbit()).await.unwrap().unwrap().previous.is_none());
    assert!(matches!(start(&store, &[1]).await, Err(OpenVaultError::Unwrap(_))));
}

#[tokio::test]
async fn sealed_values_are_discarded_in_sqlite_and_everything_else_remains() {
    sealed_values_are_discarded_and_everything_else_remains(in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_values_are_discarded_in_postgres_and_everything_else_remains() {
    let (store, _database) = postgres().await;
    sealed_values_are_discarded_and_everything_else_remains(store).await;
}

#[tokio::test]
async fn a_reset_that_crashes_anywhere_is_completed_by_the_next_and_no_server_starts_before() {
    let mut done_in = None;
    for jobs in 0..200 {
        let engine = Arc::new(Sqlite::in_memory().unwrap());
        let store = Store::new(Healthy(Arc::clone(&engine)));
        let (dev_id, _) = fill(&start(&store, &[1]).await.unwrap(), 2).await;
        let kept_before = kept(&store, &dev_id).await;
        if reset(&dying(&engine, jobs), &[2]).await.is_some() {
            done_in = Some(jobs);
            break;
        }
        let begun = store.data_keys().await.unwrap().len() > 2;
        match start(&store, &[2]).await {
            Ok(auth) => assert_eq!(assert_all_decrypt(&auth).await, (2, 0), "{jobs}: only the report is missing"),
            Err(error) => assert_eq!(matches!(error, OpenVaultError::ResetUnderWay), begun, "{jobs}: {error}"),
        }
        match reset(&store, &[2]).await {
            Some(done) => assert_eq!((done.signing_secrets.len(), done.apps.len()), (1, 1), "{jobs}"),
            None => assert!(
                matches!(replacement_keys(&store, &[2], false).await, Err(LostKeysError::NothingLost)),
                "{jobs}"
            ),
        }
        let auth = start(&store, &[2]).await.unwrap();
        assert_eq!((assert_all_decrypt(&auth).await, kept(&store, &dev_id).await), ((2, 0), kept_before), "{jobs}");
        assert_eq!(waiting(&auth, &dev_id).await, ["connection_error"; 2], "{jobs}: reported once");
        assert!(auth.verify_audit().await.unwrap().intact, "{jobs}");
    }
    assert!(done_in.unwrap() > 15, "it crashed in many steps before it completed");
}

#[tokio::test]
async fn an_interrupted_reset_can_continue_with_yet_another_master_key() {
    let engine = Arc::new(Sqlite::in_memory().unwrap());
    let store = Store::new(Healthy(Arc::clone(&engine)));
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    assert!(reset(&dying(&engine, 8), &[2]).await.is_none());
    assert!(matches!(start(&store, &[2]).await, Err(OpenVaultError::ResetUnderWay)));
    let done = reset(&store, &[3]).await.unwrap();
    assert_eq!(done.signing_secrets.len(), 1);
    let auth = start(&store, &[3]).await.unwrap();
    assert_eq!((assert_all_decrypt(&auth).await, auth.verify_audit().await.unwrap().intact), ((2, 0), true));
}

#[tokio::test]
async fn nothing_is_discarded_while_the_master_key_is_available() {
    let store = in_memory();
    assert!(matches!(replacement_keys(&store, &[1], false).await, Err(LostKeysError::NoKeys)));
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let before = store.data_keys().await.unwrap();
    assert!(matches!(replacement_keys(&store, &[1], false).await, Err(LostKeysError::NothingLost)));
    assert!(matches!(replacement_keys(&store, &[2, 1], false).await, Err(LostKeysError::NothingLost)));
    assert_eq!(
        (store.data_keys().await.unwrap(), assert_all_decrypt(&start(&store, &[1]).await.unwrap()).await),
        (before, (8, 0))
    );
}

#[tokio::test]
async fn everything_is_discarded_on_request_and_a_second_attempt_continues() {
    let engine = Arc::new(Sqlite::in_memory().unwrap());
    let store = Store::new(Healthy(Arc::clone(&engine)));
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let ReplacementKeys { ring, rows } = replacement_keys(&store, &[1], true).await.unwrap();
    let cut = terra_auth_testkit::auth_with_keys(dying(&engine, 6), ring);
    assert!(cut.reset_vault(&admin(), rows, Duration::ZERO, |_| {}).await.is_err());
    let ReplacementKeys { ring, rows } = replacement_keys(&store, &[1], true).await.unwrap();
    assert_eq!(rows, [], "the keys that it created are not lost again");
    terra_auth_testkit::auth_with_keys(store.clone(), ring)
        .reset_vault(&admin(), rows, Duration::ZERO, |_| {})
        .await
        .unwrap();
    assert_eq!(assert_all_decrypt(&start(&store, &[1]).await.unwrap()).await, (2, 0));
}

#[tokio::test]
async fn concurrently_rewrapped_keys_are_not_lost() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let ReplacementKeys { ring, rows } = replacement_keys(&store, &[3], false).await.unwrap();
    start(&store, &[2, 1]).await.unwrap().rewrap_data_keys(&admin()).await.unwrap();
    let late = terra_auth_testkit::auth_with_keys(store.clone(), ring)
        .reset_vault(&admin(), rows, Duration::ZERO, |_| {})
        .await;
    assert!(matches!(late, Err(ResetVaultError::Admin(AdminError::Conflict(_)))), "{late:?}");
    assert_eq!(assert_all_decrypt(&start(&store, &[2]).await.unwrap()).await, (8, 0));
}

#[tokio::test]
async fn after_a_reset_everything_can_be_rotated_again() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    reset(&store, &[2]).await.unwrap();
    let auth = start(&store, &[3, 2]).await.unwrap();
    assert_eq!(auth.rewrap_data_keys(&admin()).await.unwrap(), 2, "lost keys are not wrapped");
    let auth = start(&store, &[3]).await.unwrap();
    assert_eq!(auth.rotate_data_key(&admin(), Duration::ZERO, |_| {}).await.unwrap().data_key, 3);
    assert_eq!((assert_all_decrypt(&auth).await, auth.verify_audit().await.unwrap().intact), ((2, 0), true));
}

#[tokio::test]
async fn keys_that_another_master_key_wraps_are_not_lost() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let both = start(&store, &[2, 1]).await.unwrap();
    both.rotate_data_key(&admin(), Duration::ZERO, |_| {}).await.unwrap(); // the new key is wrapped by 2, the older ones by 1
    let done = reset(&store, &[2]).await.unwrap();
    assert_eq!((done.discarded.values, done.signing_secrets), (0, vec![]));
    let auth = start(&store, &[2]).await.unwrap();
    assert_eq!(assert_all_decrypt(&auth).await, (8, 0));
    let marks = store.data_keys().await.unwrap().into_iter().rfind(|key| key.purpose == Purpose::MacKey);
    assert_eq!((marks.unwrap().number, auth.verify_audit().await.unwrap().intact), (2, true));
}

#[tokio::test]
async fn a_server_that_still_uses_lost_keys_stops_and_adds_no_audit_entry() {
    let (store, _database) = postgres().await;
    let old = start(&store, &[1]).await.unwrap();
    fill(&old, 2).await;
    reset(&store, &[2]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), old.watch_for_changes(std::future::pending())).await.unwrap();
    assert!(matches!(old.bootstrap_admin().await, Err(AdminError::Store(_))));
    assert!(start(&store, &[2]).await.unwrap().verify_audit().await.unwrap().intact);
}

#[tokio::test]
async fn mobile_tokens_from_before_a_reset_are_rejected() {
    let store = in_memory();
    let old = start(&store, &[1]).await.unwrap();
    let (dev_id, _) = fill(&old, 1).await;
    let developer = old.directory().developer(&dev_id).unwrap();
    let [before, after] = [old.generate_auth_token(&developer, None).token, {
        reset(&store, &[2]).await.unwrap();
        start(&store, &[2]).await.unwrap().generate_auth_token(&developer, None).token
    }];
    let (new, no_device) = (start(&store, &[2]).await.unwrap(), AuthenticateSdkUserParams::default());
    let refused = new.authenticate_sdk_user(&developer, &before, &no_device).await;
    assert!(matches!(refused, Err(AuthenticateSdkUserError::InvalidToken)));
    let taken = new.authenticate_sdk_user(&developer, &after, &no_device).await;
    assert!(matches!(taken, Err(AuthenticateSdkUserError::InvalidDevice)), "the token itself is accepted");
}

#[tokio::test]
async fn the_audit_log_is_verified_since_the_reset_and_unchanged_before_it() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 1).await;
    let reset_at = store.audit_records(&0, &100).await.unwrap().len() as u64 + 1;
    reset(&store, &[2]).await.unwrap();
    let verdict = start(&store, &[2]).await.unwrap().verify_audit().await.unwrap();
    assert_eq!((verdict.intact, verdict.broken_at, verdict.reset_at), (true, None, Some(reset_at)));
    reset(&store, &[3]).await.unwrap();
    let twice = start(&store, &[3]).await.unwrap().verify_audit().await.unwrap();
    assert!(twice.intact && twice.reset_at > verdict.reset_at && twice.entries > verdict.entries);
    let lines = store.audit_records(&0, &100).await.unwrap();
    assert_eq!(lines.iter().filter(|line: &&AuditRecord| line.action == "vault.reset").count(), 2);
}
