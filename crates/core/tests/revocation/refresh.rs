//! A revoke call that requires an access token gets a valid one, and no refresh for it loses the grant.

use terra_auth_model::{
    connection::Connection,
    provider::{RefreshError, RevokePolicy, RevokeScope, Rotation, Tokens},
};
use terra_auth_types::wire::admin::{
    RevocationOutcome::{AlreadyGone, Confirmed, Impossible, Pending},
    RevocationReason::{NoAccessToken, RefreshFailed, RefreshRefused, Refused, TokensLost},
};

use crate::{
    script::{ProviderBehaviour, busy, confirmed, refused, renewed, token_refused, tokens},
    world::{World, in_seconds},
};

const LATER: i64 = 7200;

/// A connection that was removed when its access token had expired.
async fn ended_late(plan: ProviderBehaviour) -> (World, Connection) {
    let world = World::start(plan).await;
    let connection = world.connect(0).await;
    world.pass(3600);
    world.deauthenticate(&connection).await;
    (world, connection)
}

#[tokio::test]
async fn an_access_token_that_is_valid_is_used_unchanged() {
    let (world, connection) =
        World::ended(ProviderBehaviour { answers: vec![confirmed()], ..ProviderBehaviour::default() }).await;
    world.pass(3599);
    world.attempt().await;
    assert_eq!(world.script.calls(), ["revoke access-0"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn an_access_token_that_has_expired_is_refreshed_first() {
    let plan = ProviderBehaviour {
        refreshes: vec![renewed(1, in_seconds(LATER))],
        answers: vec![confirmed()],
        ..ProviderBehaviour::default()
    };
    let (world, connection) = ended_late(plan).await;
    world.attempt().await;
    assert_eq!(world.script.calls(), ["refresh refresh-0", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn an_access_token_that_is_rejected_before_its_expiry_is_refreshed_once() {
    let refreshes = vec![renewed(1, in_seconds(LATER)), renewed(2, in_seconds(LATER))];
    let answers = vec![token_refused(), token_refused(), token_refused(), confirmed()];
    let (world, connection) =
        World::ended(ProviderBehaviour { refreshes, answers, ..ProviderBehaviour::default() }).await;
    world.attempt().await;
    assert_eq!(world.script.calls(), ["revoke access-0", "refresh refresh-0", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Pending, Some(Refused)));
    world.pass(30);
    world.attempt().await;
    assert_eq!(world.script.calls()[3..], ["revoke access-1", "refresh refresh-1", "revoke access-2"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn refreshed_tokens_survive_a_call_that_fails() {
    let refreshes = vec![renewed(1, in_seconds(LATER))];
    let (world, connection) =
        ended_late(ProviderBehaviour { refreshes, answers: vec![busy(), confirmed()], ..ProviderBehaviour::default() })
            .await;
    world.attempt().await;
    world.pass(30);
    world.attempt().await;
    assert_eq!(world.script.calls(), ["refresh refresh-0", "revoke access-1", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn refreshed_tokens_survive_a_crash_during_the_call() {
    let (world, _) = ended_late(ProviderBehaviour {
        refreshes: vec![renewed(1, in_seconds(LATER))],
        ..ProviderBehaviour::default()
    })
    .await;
    world.die_in("revoke access-1").await;
    world.pass(60);
    world.die_in("revoke access-1").await;
    assert_eq!(world.script.calls(), ["refresh refresh-0", "revoke access-1", "revoke access-1"]);
}

#[tokio::test]
async fn a_grant_whose_refresh_is_rejected_counts_as_revoked() {
    let (world, connection) =
        ended_late(ProviderBehaviour { refreshes: vec![refused()], ..ProviderBehaviour::default() }).await;
    world.attempt().await;
    assert_eq!(world.verdict(&connection).await, (AlreadyGone, Some(RefreshRefused)));
    let report = world.report(connection.user_id).await;
    assert_eq!((report.status, report.code.as_deref()), (None, Some("invalid_grant")));
}

#[tokio::test]
async fn a_rejection_proves_nothing_after_a_crash_during_the_refresh() {
    for (rotation, verdict) in [
        (Rotation::SingleUse { grace: None, reuse_ends_grant: false }, (Impossible, Some(TokensLost))),
        (Rotation::Reusable, (AlreadyGone, Some(RefreshRefused))),
    ] {
        let (world, connection) =
            ended_late(ProviderBehaviour { rotation: Some(rotation), ..ProviderBehaviour::default() }).await;
        world.die_in("refresh refresh-0").await;
        world.pass(60);
        world.script.then_refresh(refused());
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, verdict, "{rotation:?}");
        assert_eq!(world.script.calls(), ["refresh refresh-0", "refresh refresh-0"]);
    }
}

#[tokio::test]
async fn a_missing_response_is_remembered_and_a_request_that_was_never_sent_is_not() {
    for (error, verdict) in [
        (RefreshError::AnswerLost("connection reset".into()), (Impossible, Some(TokensLost))),
        (RefreshError::NotReached("connection refused".into()), (AlreadyGone, Some(RefreshRefused))),
    ] {
        let (world, connection) =
            ended_late(ProviderBehaviour { refreshes: vec![Err(error), refused()], ..ProviderBehaviour::default() })
                .await;
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, (Pending, Some(RefreshFailed)));
        world.pass(30);
        world.attempt().await;
        assert_eq!(world.verdict(&connection).await, verdict);
    }
}

#[tokio::test]
async fn without_a_refresh_there_is_no_token_to_revoke_with() {
    let world = World::start(ProviderBehaviour {
        rotation: None,
        answers: vec![token_refused()],
        ..ProviderBehaviour::default()
    })
    .await;
    let only = Tokens { refresh_token: None, ..tokens(0, in_seconds(10)) };
    let connection = world.add(world.rows.connection(&world.developer), &only).await;
    world.pass(10);
    world.deauthenticate(&connection).await;
    world.attempt().await;
    assert_eq!(world.verdict(&connection).await, (Impossible, Some(NoAccessToken)));
    assert_eq!(world.report(connection.user_id).await.status, Some(401));
}

#[tokio::test]
async fn a_refresh_token_is_revoked_unchanged_unless_it_may_be_spent() {
    let revoke = RevokePolicy { needs_access_token: false, ends: RevokeScope::Account };
    let (world, _) =
        ended_late(ProviderBehaviour { revoke, answers: vec![confirmed()], ..ProviderBehaviour::default() }).await;
    world.attempt().await;
    assert_eq!(world.script.calls(), ["revoke access-0"]);

    let refreshes = vec![renewed(1, in_seconds(LATER))];
    let (world, connection) = World::ended(ProviderBehaviour {
        revoke,
        refreshes,
        answers: vec![confirmed()],
        ..ProviderBehaviour::default()
    })
    .await;
    let doubtful = world.claim().await.pop().unwrap();
    assert!(world.mark(&doubtful).await);
    world.pass(60);
    world.attempt().await;
    assert_eq!(world.script.calls(), ["refresh refresh-0", "revoke access-1"]);
    assert_eq!(world.verdict(&connection).await, (Confirmed, None));
}

#[tokio::test]
async fn a_worker_with_an_expired_lease_does_not_use_the_tokens() {
    let (world, connection) = ended_late(ProviderBehaviour {
        refreshes: vec![renewed(1, in_seconds(LATER))],
        ..ProviderBehaviour::default()
    })
    .await;
    let slow = world.claim().await.pop().unwrap();
    world.pass(60);
    assert_eq!(world.claim().await.len(), 1, "claimed by another worker");
    assert_eq!(world.auth.revoke(&slow).await.unwrap(), None);
    assert!(world.script.calls().is_empty());
    assert_eq!(world.verdict(&connection).await, (Pending, None));
}
