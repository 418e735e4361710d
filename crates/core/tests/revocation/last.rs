//! A grant is revoked with the account's last connection, and never while another connection uses it.

use jiff::SignedDuration;
use terra_auth_core::admin::action::Admin;
use terra_auth_model::{
    connection::Connection,
    grant::{FailureRecord, Lease},
    provider::{RevokePolicy, RevokeScope},
    store::Store,
};
use terra_auth_store::{Postgres, Sqlite};
use terra_auth_testkit::{Postgres as TestServer, StoreExt as _};
use terra_auth_types::wire::admin::{
    FailedRefresh, GrantState, RefreshFailure,
    RevocationOutcome::{Confirmed, Impossible, NotNeeded, Pending},
    RevocationReason::{OnDevice, OtherConnections},
};

use crate::{
    script::{ProviderBehaviour, confirmed, tokens},
    world::{World, in_seconds},
};

#[tokio::test]
async fn a_grant_is_revoked_with_the_last_connection_of_its_account() {
    let world = World::start(ProviderBehaviour { answers: vec![confirmed()], ..ProviderBehaviour::default() }).await;
    let (first, second) = (world.connect(0).await, world.connect(1).await);
    world.deauthenticate(&first).await;
    world.attempt().await;
    assert_eq!(world.verdict(&first).await, (NotNeeded, Some(OtherConnections)));
    assert!(world.script.calls().is_empty());

    world.deauthenticate(&second).await;
    world.attempt().await;
    assert_eq!(world.verdict(&second).await, (Confirmed, None));
    assert_eq!(world.script.calls(), ["revoke access-1"]);
}

#[tokio::test]
async fn only_connections_of_the_same_account_provider_and_environment_count() {
    let world = World::start(ProviderBehaviour::default()).await;
    let ours = world.connect(0).await;
    let elsewhere = world.rows.developer("other");
    world.auth.store().add_developer(&elsewhere).await.unwrap();
    let another = |change: fn(&mut Connection)| {
        let mut connection = world.rows.connection(&world.developer);
        change(&mut connection);
        connection
    };
    for other in [
        another(|connection| connection.account = "account-2".to_owned()),
        another(|connection| connection.provider = "OURA".parse().unwrap()),
        world.rows.connection(&elsewhere),
    ] {
        world.add(other, &tokens(1, in_seconds(3600))).await;
    }
    world.deauthenticate(&ours).await;
    assert_eq!(world.verdict(&ours).await, (Pending, None));
}

#[tokio::test]
async fn a_connection_that_does_not_work_any_more_does_not_prevent_the_revocation() {
    for (state, expected) in [
        (GrantState::Revoked, (Pending, None)),
        (GrantState::NeedsConsent, (Pending, None)),
        (GrantState::Failing, (NotNeeded, Some(OtherConnections))),
    ] {
        let world = World::start(ProviderBehaviour::default()).await;
        let (ours, other) = (world.connect(0).await, world.connect(1).await);
        let kept = world.auth.store().kept_grant(&other.dev_id, &other.user_id).await.unwrap().unwrap();
        let settled = FailureRecord {
            error: FailedRefresh { class: RefreshFailure::GrantRefused, at: in_seconds(0) },
            state,
            active: Some(false),
            refresh_at: None,
            in_flight_since: None,
            failures: 1,
            error_told_at: None,
        };
        assert!(world.auth.store().settle_grant(&kept, &settled).await.unwrap());
        world.deauthenticate(&ours).await;
        assert_eq!(world.verdict(&ours).await, expected, "{state:?}");
    }
}

/// Removes connections concurrently: exactly one call must find that its connection is the last.
async fn one_of_several_concurrent_removals_revokes(store: Store) {
    let world = World::on(store, ProviderBehaviour::default()).await;
    let mut connections = Vec::new();
    for number in 0..12 {
        connections.push(world.connect(number).await);
    }
    let ends = connections.iter().map(|connection| {
        let (auth, developer, user_id) = (world.auth.clone(), world.developer.clone(), connection.user_id);
        tokio::spawn(async move { auth.deauthenticate_user(&developer, user_id).await.unwrap() })
    });
    for end in ends.collect::<Vec<_>>() {
        end.await.unwrap();
    }
    let reports = world.reports().await;
    let count = |outcome| reports.iter().filter(|report| report.outcome == outcome).count();
    assert_eq!((count(Pending), count(NotNeeded)), (1, 11));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_concurrent_removals_revokes_on_sqlite() {
    one_of_several_concurrent_removals_revokes(Store::new(Sqlite::in_memory().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_concurrent_removals_revokes_on_postgresql() {
    let database = TestServer::start().database();
    let store = Store::new(Postgres::connect(&database.url().into()).await.unwrap());
    one_of_several_concurrent_removals_revokes(store).await;
}

#[tokio::test]
async fn a_concurrent_login_is_not_revoked() {
    let (world, ended) = World::ended(ProviderBehaviour::default()).await;
    world.connect(1).await;
    world.attempt().await;
    assert_eq!(world.verdict(&ended).await, (NotNeeded, Some(OtherConnections)));
    assert!(world.script.calls().is_empty());
    assert_eq!(world.auth.waiting().await.unwrap().1, 0);
}

#[tokio::test]
async fn if_a_call_revokes_one_grant_each_connection_has_its_own_revocation() {
    let revoke = RevokePolicy { needs_access_token: true, ends: RevokeScope::Grant };
    let world = World::start(ProviderBehaviour {
        revoke,
        answers: vec![confirmed(), confirmed()],
        ..ProviderBehaviour::default()
    })
    .await;
    let (first, second) = (world.connect(0).await, world.connect(1).await);
    world.deauthenticate(&first).await;
    world.attempt().await;
    assert_eq!(world.script.calls(), ["revoke access-0"]);
    world.deauthenticate(&second).await;
    world.attempt().await;
    assert_eq!(world.script.calls(), ["revoke access-0", "revoke access-1"]);
    assert_eq!((world.verdict(&first).await, world.verdict(&second).await), ((Confirmed, None), (Confirmed, None)));
}

#[tokio::test]
async fn a_deleted_environment_revokes_each_account_once() {
    let world = World::start(ProviderBehaviour::default()).await;
    let mut accounts = Vec::new();
    for number in 0..6 {
        let account = format!("account-{}", number % 2);
        let connection = Connection { account, ..world.rows.connection(&world.developer) };
        accounts.push(world.add(connection, &tokens(number, in_seconds(3600))).await);
    }
    let dev_id = &world.developer.dev_id;
    let contents = world.auth.environment_contents(dev_id).await.unwrap();
    world.auth.delete_environment(&Admin::local("test"), dev_id, Some(contents)).await.unwrap();

    let mut owed: Vec<_> = world.claim().await.into_iter().map(|owed| owed.account.unwrap()).collect();
    owed.sort();
    assert_eq!(owed, ["account-0", "account-1"]);
    assert_eq!(world.reports().await.len(), 6, "each has a report, although the environment is deleted");
}

#[tokio::test]
async fn an_on_device_source_is_never_called() {
    let world = World::start(ProviderBehaviour::default()).await;
    let provider = "APPLE".parse().unwrap();
    let phone = Connection { provider, grant: None, ..world.rows.connection(&world.developer) };
    world.auth.store().add_connection(&phone).await.unwrap();
    world.deauthenticate(&phone).await;
    world.attempt().await;
    assert_eq!(world.verdict(&phone).await, (Impossible, Some(OnDevice)));
}

#[tokio::test]
async fn a_revocation_waits_for_the_refresh_that_is_in_flight() {
    let world = World::start(ProviderBehaviour::default()).await;
    let connection = world.connect(0).await;
    let kept = world.auth.store().kept_grant(&connection.dev_id, &connection.user_id).await.unwrap().unwrap();
    let lease = Lease { now: in_seconds(0), until: in_seconds(30), in_flight_since: Some(in_seconds(0)) };
    assert!(world.auth.store().lease_grant(&kept, &lease).await.unwrap());
    world.deauthenticate(&connection).await;
    assert!(world.claim().await.is_empty());
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(world.claim().await[0].in_flight_since, Some(in_seconds(0)), "its response may be missing");
}
