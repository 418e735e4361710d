//! A call that takes an access token gets one that works, and no refresh for it loses a grant.

use terra_auth_core::{
    connection::Connection,
    provider::{Ends, RefreshError, RevokePolicy, Rotation, Tokens},
};
use terra_auth_types::wire::admin::{
    RevocationOutcome::{AlreadyGone, Confirmed, Impossible, Pending},
    RevocationReason::{NoAccessToken, RefreshFailed, RefreshRefused, Refused, TokensLost},
};

use crate::{
    script::{Plan, busy, confirmed, refused, renewed, token_refused, tokens},
    world::{World, in_seconds},
};

const LATER: i64 = 7200;

/// A connection that ended when its access token had ended.
async fn ended_late(plan: Plan) -> (World, Connection) {
    let world = World::start(plan).await;
    let connection = world.connect(0).await;
    world.pass(3600);
    world.deauthenticate(&connection).await;
    (world, connection)
}

#[tokio::test]
async fn an_access_token_that_lives_is_used_as_it_is() {
    let (world, connection) = World::ended(Plan { answers: vec![confirmed()], ..Plan::default() }).await;
    world.pass(3599);
    world.attempt().await;
    assert_eq!(world.script.heard(), ["revoke access-0"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn an_access_token_that_has_ended_is_refreshed_first() {
    let plan = Plan { refreshes: vec![renewed(1, in_seconds(LATER))], answers: vec![confirmed()], ..Plan::default() };
    let (world, connection) = ended_late(plan).await;
    world.attempt().await;
    assert_eq!(world.script.heard(), ["refresh refresh-0", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn an_access_token_that_is_refused_before_its_end_is_refreshed_once() {
    let refreshes = vec![renewed(1, in_seconds(LATER)), renewed(2, in_seconds(LATER))];
    let answers = vec![token_refused(), token_refused(), token_refused(), confirmed()];
    let (world, connection) = World::ended(Plan { refreshes, answers, ..Plan::default() }).await;
    world.attempt().await;
    assert_eq!(world.script.heard(), ["revoke access-0", "refresh refresh-0", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Pending, Some(Refused)));
    world.pass(30);
    world.attempt().await;
    assert_eq!(world.script.heard()[3..], ["revoke access-1", "refresh refresh-1", "revoke access-2"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn refreshed_tokens_outlive_a_call_that_fails() {
    let refreshes = vec![renewed(1, in_seconds(LATER))];
    let (world, connection) =
        ended_late(Plan { refreshes, answers: vec![busy(), confirmed()], ..Plan::default() }).await;
    world.attempt().await;
    world.pass(30);
    world.attempt().await;
    assert_eq!(world.script.heard(), ["refresh refresh-0", "revoke access-1", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn refreshed_tokens_outlive_a_node_that_dies_in_the_call() {
    let (world, _) = ended_late(Plan { refreshes: vec![renewed(1, in_seconds(LATER))], ..Plan::default() }).await;
    world.die_in("revoke access-1").await;
    world.pass(60);
    world.die_in("revoke access-1").await;
    assert_eq!(world.script.heard(), ["refresh refresh-0", "revoke access-1", "revoke access-1"]);
}

#[tokio::test]
async fn a_grant_that_is_refused_is_gone() {
    let (world, connection) = ended_late(Plan { refreshes: vec![refused()], ..Plan::default() }).await;
    world.attempt().await;
    assert_eq!(world.verdict(&connection).await, (AlreadyGone, Some(RefreshRefused)));
    let report = world.report(connection.user_id).await;
    assert_eq!((report.status, report.code.as_deref()), (None, Some("invalid_grant")));
}

#[tokio::test]
async fn a_refusal_proves_nothing_after_a_node_died_in_the_refresh() {
    for (rotation, verdict) in [
        (Rotation::SingleUse { grace: None, reuse_ends_grant: false }, (Impossible, Some(TokensLost))),
        (Rotation::Kept, (AlreadyGone, Some(RefreshRefused))),
    ] {
        let (world, connection) = ended_late(Plan { rotation: Some(rotation), ..Plan::default() }).await;
        world.die_in("refresh refresh-0").await;
        world.pass(60);
        world.script.then_refresh(refused());
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, verdict, "{rotation:?}");
        assert_eq!(world.script.heard(), ["refresh refresh-0", "refresh refresh-0"]);
    }
}

#[tokio::test]
async fn a_missing_answer_is_remembered_and_one_that_was_never_sent_is_not() {
    for (error, verdict) in [
        (RefreshError::Lost("connection reset".into()), (Impossible, Some(TokensLost))),
        (RefreshError::Untouched("connection refused".into()), (AlreadyGone, Some(RefreshRefused))),
    ] {
        let (world, connection) = ended_late(Plan { refreshes: vec![Err(error), refused()], ..Plan::default() }).await;
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, (Pending, Some(RefreshFailed)));
        world.pass(30);
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, verdict);
    }
}

#[tokio::test]
async fn without_a_refresh_there_is_no_token_to_revoke_with() {
    let world = World::start(Plan { rotation: None, answers: vec![token_refused()], ..Plan::default() }).await;
    let only = Tokens { refresh_token: None, ..tokens(0, in_seconds(10)) };
    let connection = world.add(world.rows.connection(&world.developer), &only).await;
    world.pass(10);
    world.deauthenticate(&connection).await;
    world.attempt().await;
    assert_eq!(world.verdict(&connection).await, (Impossible, Some(NoAccessToken)));
    assert_eq!(world.report(connection.user_id).await.status, Some(401));
}

#[tokio::test]
async fn a_refresh_token_is_revoked_as_it_is_unless_it_may_be_spent() {
    let revoke = RevokePolicy { access_token: false, ends: Ends::Account };
    let (world, _) = ended_late(Plan { revoke, answers: vec![confirmed()], ..Plan::default() }).await;
    world.attempt().await;
    assert_eq!(world.script.heard(), ["revoke access-0"]);

    let refreshes = vec![renewed(1, in_seconds(LATER))];
    let (world, connection) =
        World::ended(Plan { revoke, refreshes, answers: vec![confirmed()], ..Plan::default() }).await;
    let doubtful = world.claim().await.pop().unwrap();
    assert!(world.mark(&doubtful).await);
    world.pass(60);
    world.attempt().await;
    assert_eq!(world.script.heard(), ["refresh refresh-0", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn whoever_was_overtaken_makes_no_call_with_tokens_that_may_be_spent() {
    let (world, connection) =
        ended_late(Plan { refreshes: vec![renewed(1, in_seconds(LATER))], ..Plan::default() }).await;
    let slow = world.claim().await.pop().unwrap();
    world.pass(60);
    assert_eq!(world.claim().await.len(), 1, "taken over");
    assert_eq!(world.auth.revoke(&slow).await.unwrap(), None);
    assert!(world.script.heard().is_empty());
    assert_eq!(world.verdict(&connection).await, (Pending, None));
}
