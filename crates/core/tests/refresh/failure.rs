//! Failed refreshes, and the events that the app gets about them.

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use terra_auth_core::node::refresh::in_flight::AccessTokenError;
use terra_auth_model::provider::{RefreshPolicy, Rotation};
use terra_auth_types::wire::admin::GrantState;

use crate::script::{ONCE, in_seconds, lost, pair, pass, refused, start, unreachable};

fn once(grace: Option<i64>, reuse_ends_grant: bool) -> RefreshPolicy {
    let rotation = Rotation::SingleUse { grace: grace.map(SignedDuration::from_secs), reuse_ends_grant };
    RefreshPolicy { rotation, ..ONCE }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_the_provider_rejects_is_revoked_and_reported_once() {
    let (world, node, script) = start(ONCE, [refused()]).await;
    pass(3600).await;
    for _ in 0..2 {
        let gone = world.access_token(&node).await;
        assert!(matches!(gone, Err(AccessTokenError::Revoked)), "{gone:?}");
    }
    assert_eq!(world.stored_grant().await.unwrap().state, GrantState::Revoked);
    assert!(!world.is_active().await);
    assert_eq!(world.events().await, [("access_revoked".to_owned(), 1)].into());
    assert_eq!(script.spent().len(), 1, "there are no further attempts");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_after_a_lost_response_means_needs_consent_and_not_revoked() {
    let (world, node, _) = start(once(None, false), [lost(), refused()]).await;
    pass(3600).await;
    let missing = world.access_token(&node).await;
    assert!(matches!(missing, Err(AccessTokenError::Unavailable { .. })), "{missing:?}");
    pass(60).await;
    let refused = world.access_token(&node).await;
    assert!(matches!(refused, Err(AccessTokenError::NeedsConsent)), "{refused:?}");
    assert!(!world.is_active().await);
    assert_eq!(world.events().await, [("connection_error".to_owned(), 2)].into());
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_is_requested_again_within_the_grace_period() {
    let (world, node, script) = start(once(Some(120), true), [lost(), pair(1, 7200)]).await;
    pass(3600 - 30).await;
    assert_eq!(world.access_token(&node).await.unwrap().access_token.expose_secret(), "access-0", "it is still valid");
    pass(3).await;
    assert_eq!(world.access_token(&node).await.unwrap().access_token.expose_secret(), "access-1");
    assert_eq!(script.spent(), ["refresh-0", "refresh-0"], "the same request");
}

#[tokio::test(start_paused = true)]
async fn a_valid_token_is_used_until_its_expiry_before_an_attempt_that_could_revoke_it() {
    let (world, node, script) = start(once(None, true), [lost(), refused()]).await;
    pass(3600 - 60).await;
    for _ in 0..3 {
        assert_eq!(world.access_token(&node).await.unwrap().access_token.expose_secret(), "access-0");
        pass(19).await;
    }
    assert_eq!(script.spent().len(), 1);
    pass(60).await;
    let end = world.access_token(&node).await;
    assert!(matches!(end, Err(AccessTokenError::NeedsConsent)), "{end:?}");
    assert_eq!(script.spent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_provider_is_reported_once_a_day_and_its_recovery_is_not() {
    let day = 24 * 3600;
    let answers = [unreachable(), unreachable(), unreachable(), unreachable(), pair(1, 3 * i64::from(day))];
    let (world, node, _) = start(ONCE, answers).await;
    pass(3600 - 30).await;
    assert!(world.access_token(&node).await.is_ok(), "it is still valid");
    assert!(world.is_active().await);
    assert_eq!(world.events().await, [].into());
    for (wait, told) in [(60, 1), (3600, 1), (day, 2)] {
        pass(wait.try_into().unwrap()).await;
        let down = world.access_token(&node).await;
        assert!(matches!(down, Err(AccessTokenError::Unavailable { .. })), "{down:?}");
        assert!(!world.is_active().await);
        assert_eq!(world.events().await, [("connection_error".to_owned(), told)].into());
    }
    pass(3600).await;
    assert!(world.access_token(&node).await.is_ok());
    assert!(world.is_active().await);
    assert_eq!(world.stored_grant().await.unwrap().state, GrantState::Fine);
    assert_eq!(world.events().await, [("connection_error".to_owned(), 2)].into());
}

#[tokio::test(start_paused = true)]
async fn no_refresh_is_retried_before_it_is_due() {
    let (world, node, script) = start(ONCE, [unreachable(), pair(1, 7200)]).await;
    pass(3600).await;
    let Err(AccessTokenError::Unavailable { retry_at }) = world.access_token(&node).await else { panic!() };
    assert!(retry_at > in_seconds(3600 + 20));
    assert!(world.access_token(&node).await.is_err());
    assert_eq!(script.spent().len(), 1);
    pass(60).await;
    assert!(world.access_token(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_response_after_the_timeout_counts_as_lost() {
    let (world, node, _) = start(ONCE, []).await;
    pass(3600).await;
    assert!(matches!(world.access_token(&node).await, Err(AccessTokenError::Unavailable { .. })));
    assert_eq!(world.stored_grant().await.unwrap().in_flight_since, Some(in_seconds(3600)));
}

#[tokio::test(start_paused = true)]
async fn tokens_that_expire_at_once_are_not_refreshed_continuously() {
    let (world, node, script) = start(ONCE, (1..=9).map(|number| pair(number, 0))).await;
    pass(3600).await;
    node.refresh_due().await.unwrap();
    assert_eq!(script.spent().len(), 1);
    assert_eq!(world.stored_grant().await.unwrap().refresh_at, Some(in_seconds(3631)));
    pass(30).await;
    node.refresh_due().await.unwrap();
    assert_eq!(script.spent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_expiry_that_is_too_far_away_is_limited() {
    let mut absurd = pair(1, 0).unwrap();
    absurd.tokens.expires_at = Some(Timestamp::MAX);
    let (world, node, _) = start(ONCE, [Ok(absurd)]).await;
    pass(3600).await;
    assert!(world.access_token(&node).await.is_ok());
    let ten_years = SignedDuration::from_hours(10 * 365 * 24);
    assert_eq!(world.stored_grant().await.unwrap().expires_at, Some(in_seconds(3601) + ten_years));
}
