//! A lost master key takes with it what it sealed, and nothing else.

use std::{sync::Arc, time::Duration};

use terra_auth_core::{
    Auth,
    admin::AdminError,
    audit::AuditRecord,
    clock::{Clock as _, SystemClock, SystemEntropy},
    sdk_user::AuthenticateSdkUserError,
    seal::{KeyRing, KeysInStead, LostKeysError, OpenVaultError, Purpose},
    store::Store,
    vault::{Forgotten, Reset, ResetVaultError},
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{Verbs as _, bench};
use terra_auth_types::{
    DevId, Provider,
    wire::{
        AuthenticateSdkUserParams,
        admin::{RevocationOutcome, RevocationReason, RevocationReport},
    },
};

use crate::{
    dying::{Healthy, dying},
    world::{admin, fill, in_memory, masters, postgres, start, whole},
};

/// What a reset with these master keys would begin with.
async fn instead(store: &Store, keys: &[u8], all: bool) -> Result<KeysInStead, LostKeysError> {
    KeyRing::instead_of_lost(store, masters(keys), &SystemEntropy, SystemClock.now(), all).await
}

async fn reset(store: &Store, keys: &[u8]) -> Option<Reset> {
    let KeysInStead { ring, rows } = instead(store, keys, false).await.ok()?;
    bench::auth_with(store.clone(), ring).reset_vault(&admin(), rows, Duration::ZERO, |_| {}).await.ok()
}

fn fitbit() -> Provider {
    "FITBIT".parse().unwrap()
}

/// Everything that must still be there, with what a reset changes of it left out.
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

/// The events that wait, by their kinds.
async fn waiting(auth: &Auth, dev_id: &DevId) -> Vec<String> {
    auth.deliveries(dev_id, 1000).await.unwrap().into_iter().map(|delivery| delivery.kind).collect()
}

async fn what_was_sealed_is_forgotten_and_all_else_stays(store: Store) {
    let before = start(&store, &[1]).await.unwrap();
    let (dev_id, connections) = fill(&before, 250).await;
    before.bootstrap_admin().await.unwrap();
    let (kept_before, log) = (kept(&store, &dev_id).await, store.audit_records(&0, &100).await.unwrap());

    let done = reset(&store, &[2]).await.unwrap();
    let forgotten = Forgotten { looked_at: 504 + 2, values: 504, connections: 250, revocations: 250 };
    let apps = vec![(dev_id.clone(), fitbit())];
    assert_eq!(done, Reset { forgotten, signing_secrets: vec![dev_id.clone()], apps });

    let after = start(&store, &[2]).await.unwrap();
    assert_eq!((whole(&after).await, kept(&store, &dev_id).await), ((2, 0), kept_before));
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
    let developer = after.directory.developer(&dev_id).unwrap();
    assert_eq!(after.signing_secrets(&developer).unwrap().first.expose().len(), 64);
    assert!(store.provider_app(&dev_id, &fitbit()).await.unwrap().unwrap().previous.is_none());
    assert!(matches!(start(&store, &[1]).await, Err(OpenVaultError::Unwrap(_))));
}

#[tokio::test]
async fn what_was_sealed_is_forgotten_in_sqlite_and_all_else_stays() {
    what_was_sealed_is_forgotten_and_all_else_stays(in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_is_forgotten_in_postgres_and_all_else_stays() {
    let (store, _database) = postgres().await;
    what_was_sealed_is_forgotten_and_all_else_stays(store).await;
}

#[tokio::test]
async fn a_reset_that_ends_anywhere_is_ended_by_the_next_and_no_server_starts_before() {
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
            Ok(auth) => assert_eq!(whole(&auth).await, (2, 0), "{jobs}: only what was told to nobody is left to do"),
            Err(error) => assert_eq!(matches!(error, OpenVaultError::ResetUnderWay), begun, "{jobs}: {error}"),
        }
        match reset(&store, &[2]).await {
            Some(done) => assert_eq!((done.signing_secrets.len(), done.apps.len()), (1, 1), "{jobs}"),
            None => assert!(matches!(instead(&store, &[2], false).await, Err(LostKeysError::NothingLost)), "{jobs}"),
        }
        let auth = start(&store, &[2]).await.unwrap();
        assert_eq!((whole(&auth).await, kept(&store, &dev_id).await), ((2, 0), kept_before), "{jobs}");
        assert_eq!(waiting(&auth, &dev_id).await, ["connection_error"; 2], "{jobs}: told once");
        assert!(auth.verify_audit().await.unwrap().intact, "{jobs}");
    }
    assert!(done_in.unwrap() > 15, "it was cut off in many places before it came through");
}

#[tokio::test]
async fn a_reset_that_was_cut_off_goes_on_with_yet_another_master_key() {
    let engine = Arc::new(Sqlite::in_memory().unwrap());
    let store = Store::new(Healthy(Arc::clone(&engine)));
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    assert!(reset(&dying(&engine, 8), &[2]).await.is_none());
    assert!(matches!(start(&store, &[2]).await, Err(OpenVaultError::ResetUnderWay)));
    let done = reset(&store, &[3]).await.unwrap();
    assert_eq!(done.signing_secrets.len(), 1);
    let auth = start(&store, &[3]).await.unwrap();
    assert_eq!((whole(&auth).await, auth.verify_audit().await.unwrap().intact), ((2, 0), true));
}

#[tokio::test]
async fn nothing_is_forgotten_while_the_master_key_is_at_hand() {
    let store = in_memory();
    assert!(matches!(instead(&store, &[1], false).await, Err(LostKeysError::NoKeys)));
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let before = store.data_keys().await.unwrap();
    assert!(matches!(instead(&store, &[1], false).await, Err(LostKeysError::NothingLost)));
    assert!(matches!(instead(&store, &[2, 1], false).await, Err(LostKeysError::NothingLost)));
    assert_eq!((store.data_keys().await.unwrap(), whole(&start(&store, &[1]).await.unwrap()).await), (before, (8, 0)));
}

#[tokio::test]
async fn everything_is_forgotten_if_that_is_wanted_and_a_second_try_goes_on() {
    let engine = Arc::new(Sqlite::in_memory().unwrap());
    let store = Store::new(Healthy(Arc::clone(&engine)));
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let KeysInStead { ring, rows } = instead(&store, &[1], true).await.unwrap();
    let cut = bench::auth_with(dying(&engine, 6), ring);
    assert!(cut.reset_vault(&admin(), rows, Duration::ZERO, |_| {}).await.is_err());
    let KeysInStead { ring, rows } = instead(&store, &[1], true).await.unwrap();
    assert_eq!(rows, [], "the keys that it made are not lost again");
    bench::auth_with(store.clone(), ring).reset_vault(&admin(), rows, Duration::ZERO, |_| {}).await.unwrap();
    assert_eq!(whole(&start(&store, &[1]).await.unwrap()).await, (2, 0));
}

#[tokio::test]
async fn keys_that_were_wrapped_anew_meanwhile_are_not_lost() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let KeysInStead { ring, rows } = instead(&store, &[3], false).await.unwrap();
    start(&store, &[2, 1]).await.unwrap().rewrap_data_keys(&admin()).await.unwrap();
    let late = bench::auth_with(store.clone(), ring).reset_vault(&admin(), rows, Duration::ZERO, |_| {}).await;
    assert!(matches!(late, Err(ResetVaultError::Admin(AdminError::Refused(_)))), "{late:?}");
    assert_eq!(whole(&start(&store, &[2]).await.unwrap()).await, (8, 0));
}

#[tokio::test]
async fn after_a_reset_everything_can_be_rotated_again() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    reset(&store, &[2]).await.unwrap();
    let auth = start(&store, &[3, 2]).await.unwrap();
    assert_eq!(auth.rewrap_data_keys(&admin()).await.unwrap(), 2, "what is lost is not wrapped");
    let auth = start(&store, &[3]).await.unwrap();
    assert_eq!(auth.rotate_data_key(&admin(), Duration::ZERO, |_| {}).await.unwrap().data_key, 3);
    assert_eq!((whole(&auth).await, auth.verify_audit().await.unwrap().intact), ((2, 0), true));
}

#[tokio::test]
async fn what_another_master_key_wraps_is_not_lost() {
    let store = in_memory();
    fill(&start(&store, &[1]).await.unwrap(), 2).await;
    let both = start(&store, &[2, 1]).await.unwrap();
    both.rotate_data_key(&admin(), Duration::ZERO, |_| {}).await.unwrap(); // the new key is wrapped by 2, the older ones by 1
    let done = reset(&store, &[2]).await.unwrap();
    assert_eq!((done.forgotten.values, done.signing_secrets), (0, vec![]));
    let auth = start(&store, &[2]).await.unwrap();
    assert_eq!(whole(&auth).await, (8, 0));
    let marks = store.data_keys().await.unwrap().into_iter().rfind(|key| key.purpose == Purpose::Marks);
    assert_eq!((marks.unwrap().number, auth.verify_audit().await.unwrap().intact), (2, true));
}

#[tokio::test]
async fn a_server_that_goes_on_with_lost_keys_stops_and_writes_no_line_of_the_log() {
    let (store, _database) = postgres().await;
    let old = start(&store, &[1]).await.unwrap();
    fill(&old, 2).await;
    reset(&store, &[2]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), old.watch(std::future::pending())).await.unwrap();
    assert!(matches!(old.bootstrap_admin().await, Err(AdminError::Store(_))));
    assert!(start(&store, &[2]).await.unwrap().verify_audit().await.unwrap().intact);
}

#[tokio::test]
async fn tokens_that_are_on_their_way_count_no_more() {
    let store = in_memory();
    let old = start(&store, &[1]).await.unwrap();
    let (dev_id, _) = fill(&old, 1).await;
    let developer = old.directory.developer(&dev_id).unwrap();
    let [before, after] = [old.generate_auth_token(&developer, None).token, {
        reset(&store, &[2]).await.unwrap();
        start(&store, &[2]).await.unwrap().generate_auth_token(&developer, None).token
    }];
    let (new, no_device) = (start(&store, &[2]).await.unwrap(), AuthenticateSdkUserParams::default());
    let refused = new.authenticate_sdk_user(&developer, &before, &no_device).await;
    assert!(matches!(refused, Err(AuthenticateSdkUserError::InvalidToken)));
    let taken = new.authenticate_sdk_user(&developer, &after, &no_device).await;
    assert!(matches!(taken, Err(AuthenticateSdkUserError::InvalidDevice)), "the token is not what is wrong");
}

#[tokio::test]
async fn the_audit_log_is_proven_from_the_reset_on_and_unchanged_before() {
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
