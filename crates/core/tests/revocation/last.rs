//! A provider is asked when the account's last connection ends, and never when that would end another.

use jiff::SignedDuration;
use terra_auth_core::{
    admin::Admin,
    connection::Connection,
    grant::{GrantState, Lease, Settled},
    provider::{Ends, RevokePolicy},
    store::Store,
};
use terra_auth_store::{Postgres, Sqlite};
use terra_auth_testkit::{Postgres as TestServer, Verbs as _};
use terra_auth_types::wire::admin::{
    FailedRefresh, RefreshFailure,
    RevocationOutcome::{Confirmed, Impossible, NotNeeded, Pending},
    RevocationReason::{OnDevice, OtherConnections},
};

use crate::{
    script::{Plan, confirmed, tokens},
    world::{World, in_seconds},
};

#[tokio::test]
async fn a_grant_is_revoked_with_the_last_connection_of_its_account() {
    let world = World::start(Plan { answers: vec![confirmed()], ..Plan::default() }).await;
    let (first, second) = (world.connect(0).await, world.connect(1).await);
    world.deauthenticate(&first).await;
    world.attempt().await;
    assert_eq!(world.verdict(&first).await, (NotNeeded, Some(OtherConnections)));
    assert!(world.script.heard().is_empty());

    world.deauthenticate(&second).await;
    world.attempt().await;
    assert_eq!(world.verdict(&second).await, (Confirmed, None));
    assert_eq!(world.script.heard(), ["revoke access-1"]);
}

#[tokio::test]
async fn only_connections_of_the_same_account_at_the_same_provider_in_the_same_environment_count() {
    let world = World::start(Plan::default()).await;
    let ours = world.connect(0).await;
    let elsewhere = world.rows.developer("other");
    world.auth.store.add_developer(&elsewhere).await.unwrap();
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
async fn a_connection_that_does_not_work_any_more_keeps_no_grant_alive() {
    for (state, expected) in [
        (GrantState::Revoked, (Pending, None)),
        (GrantState::NeedsConsent, (Pending, None)),
        (GrantState::Failing, (NotNeeded, Some(OtherConnections))),
    ] {
        let world = World::start(Plan::default()).await;
        let (ours, other) = (world.connect(0).await, world.connect(1).await);
        let kept = world.auth.store.kept_grant(&other.dev_id, &other.user_id).await.unwrap().unwrap();
        let settled = Settled {
            error: FailedRefresh { class: RefreshFailure::GrantRefused, at: in_seconds(0) },
            state,
            active: Some(false),
            refresh_at: None,
            in_flight_since: None,
            failures: 1,
            error_told_at: None,
        };
        assert!(world.auth.store.settle_grant(&kept, &settled).await.unwrap());
        world.deauthenticate(&ours).await;
        assert_eq!(world.verdict(&ours).await, expected, "{state:?}");
    }
}

/// Each of them must see the others go.
async fn of_connections_that_end_at_once_one_is_revoked(store: Store) {
    let world = World::on(store, Plan::default()).await;
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
async fn of_connections_that_end_at_once_one_is_revoked_on_sqlite() {
    of_connections_that_end_at_once_one_is_revoked(Store::new(Sqlite::in_memory().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_connections_that_end_at_once_one_is_revoked_on_postgresql() {
    let database = TestServer::start().database();
    let store = Store::new(Postgres::connect(&database.url().into()).await.unwrap());
    of_connections_that_end_at_once_one_is_revoked(store).await;
}

#[tokio::test]
async fn a_login_that_was_made_meanwhile_is_not_ended() {
    let (world, ended) = World::ended(Plan::default()).await;
    world.connect(1).await;
    world.attempt().await;
    assert_eq!(world.verdict(&ended).await, (NotNeeded, Some(OtherConnections)));
    assert!(world.script.heard().is_empty());
    assert_eq!(world.auth.waiting().await.unwrap().1, 0);
}

#[tokio::test]
async fn where_a_call_ends_one_grant_each_connection_has_its_own() {
    let revoke = RevokePolicy { access_token: true, ends: Ends::Grant };
    let world = World::start(Plan { revoke, answers: vec![confirmed(), confirmed()], ..Plan::default() }).await;
    let (first, second) = (world.connect(0).await, world.connect(1).await);
    world.deauthenticate(&first).await;
    world.attempt().await;
    assert_eq!(world.script.heard(), ["revoke access-0"]);
    world.deauthenticate(&second).await;
    world.attempt().await;
    assert_eq!(world.script.heard(), ["revoke access-0", "revoke access-1"]);
    assert_eq!((world.verdict(&first).await, world.verdict(&second).await), ((Confirmed, None), (Confirmed, None)));
}

#[tokio::test]
async fn an_environment_that_is_deleted_leaves_one_revocation_for_each_account() {
    let world = World::start(Plan::default()).await;
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
    assert_eq!(world.reports().await.len(), 6, "told of each, though the environment is gone");
}

#[tokio::test]
async fn a_device_is_never_asked() {
    let world = World::start(Plan::default()).await;
    let provider = "APPLE".parse().unwrap();
    let phone = Connection { provider, grant: None, ..world.rows.connection(&world.developer) };
    world.auth.store.add_connection(&phone).await.unwrap();
    world.deauthenticate(&phone).await;
    world.attempt().await;
    assert_eq!(world.verdict(&phone).await, (Impossible, Some(OnDevice)));
}

#[tokio::test]
async fn a_deauthentication_waits_for_the_refresh_that_is_under_way() {
    let world = World::start(Plan::default()).await;
    let connection = world.connect(0).await;
    let kept = world.auth.store.kept_grant(&connection.dev_id, &connection.user_id).await.unwrap().unwrap();
    let lease = Lease { now: in_seconds(0), until: in_seconds(30), in_flight_since: Some(in_seconds(0)) };
    assert!(world.auth.store.lease_grant(&kept, &lease).await.unwrap());
    world.deauthenticate(&connection).await;
    assert!(world.claim().await.is_empty());
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(world.claim().await[0].in_flight_since, Some(in_seconds(0)), "its answer may be missing");
}
