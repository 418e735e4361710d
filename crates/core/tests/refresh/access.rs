//! Access tokens that the server returns to callers.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use terra_auth_core::node::refresh::in_flight::{AccessToken, AccessTokenError};
use terra_auth_model::{connection::Connection, provider::Tokens, revocation::Revocation};
use terra_auth_testkit::StoreExt as _;

use crate::{
    engine::BlockingStore,
    script::{ONCE, Script, in_seconds, pair, pass, refused, start},
    world::{World, open, tokens},
};

fn text(token: Result<AccessToken, AccessTokenError>) -> String {
    token.unwrap().access_token.expose_secret().to_owned()
}

#[tokio::test(start_paused = true)]
async fn an_access_token_that_is_valid_is_returned_unchanged() {
    let (world, node, script) = start(ONCE, []).await;
    pass(3600 - 61).await;
    assert_eq!(text(world.access_token(&node).await), "access-0");
    assert!(script.spent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_access_token_is_refreshed_within_its_last_minute() {
    let (world, node, script) = start(ONCE, [pair(1, 7200)]).await;
    pass(3600 - 60).await;
    let token = world.access_token(&node).await.unwrap();
    assert_eq!((token.access_token.expose_secret(), token.expires_at), ("access-1", Some(in_seconds(7200))));
    assert_eq!(script.spent(), ["refresh-0"]);

    let kept = world.stored_grant().await.unwrap();
    let tokens = open(&kept);
    assert_eq!(tokens.refresh_token.unwrap().expose_secret(), "refresh-1");
    assert_eq!((kept.expires_at, kept.in_flight_since, kept.lease_until), (Some(in_seconds(7200)), None, None));
    assert!((in_seconds(6000)..=in_seconds(6600)).contains(&kept.refresh_at.unwrap()), "ahead of its expiry");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_live_less_than_a_minute_are_refreshed_once_in_30_s() {
    let (world, node, script) = start(ONCE, [pair(1, 3650), pair(2, 3690)]).await;
    pass(3600).await;
    for second in 0..30 {
        assert_eq!(text(world.access_token(&node).await), "access-1", "after {second} s");
        pass(1).await;
    }
    assert_eq!(script.spent(), ["refresh-0"]);
    assert_eq!(text(world.access_token(&node).await), "access-2");
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_refresh() {
    let (world, node, script) = start(ONCE, [pair(1, 7200)]).await;
    let other = script.node(world.store.clone());
    pass(3600).await;
    let world = &world;
    let ask = |node| async move { text(world.access_token(node).await) };
    let (a, b, c, d) = tokio::join!(ask(&node), ask(&node), ask(&other), ask(&other));
    assert_eq!([a, b, c, d], ["access-1"; 4].map(str::to_owned));
    assert_eq!(script.spent(), ["refresh-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_continues_when_its_caller_disconnects() {
    let (world, node, script) = start(ONCE, [pair(1, 7200)]).await;
    pass(3600).await;
    let impatient = tokio::time::timeout(Duration::from_millis(500), world.access_token(&node)).await;
    assert!(impatient.is_err());
    pass(1).await;
    assert_eq!(text(world.access_token(&node).await), "access-1");
    assert_eq!(script.spent(), ["refresh-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_user_is_not_found_in_another_environment() {
    let (world, node, _) = start(ONCE, []).await;
    let elsewhere = node.access_token(&"other".parse().unwrap(), world.connection.user_id).await;
    assert!(matches!(elsewhere, Err(AccessTokenError::UserNotFound)), "{elsewhere:?}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_removed_during_a_refresh_is_revoked_with_the_new_tokens() {
    let (world, node, _) = start(ONCE, [pair(1, 7200)]).await;
    pass(3600).await;
    let end = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let taken = world.store.take_connection(&world.developer.dev_id, &world.connection.user_id).await.unwrap();
        let owed = Revocation::of(&taken.unwrap(), in_seconds(3600));
        world.store.add_revocation(&owed).await.unwrap();
        owed
    };
    let (token, owed) = tokio::join!(world.access_token(&node), end);
    assert!(matches!(token, Err(AccessTokenError::UserNotFound)), "{token:?}");
    let claimed =
        world.store.claim_revocations(&owed.provider, &in_seconds(4000), &in_seconds(4001), &9).await.unwrap();
    assert_ne!(claimed[0].grant, owed.grant, "the new tokens");
}

/// Logs in while a refresh is in flight.
async fn log_in_soon(world: &World) {
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grant = Some(world.seal(&tokens("access-9", "refresh-9", in_seconds(9000))));
    let new = Connection { grant, ..world.connection.clone() };
    assert!(world.store.renew_connection(&new, &in_seconds(3600)).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_login_during_a_refresh_takes_precedence() {
    let (world, node, _) = start(ONCE, [pair(1, 7200)]).await;
    pass(3600).await;
    let (token, ()) = tokio::join!(world.access_token(&node), log_in_soon(&world));
    assert_eq!(text(token), "access-9", "a caller that waits for the refresh gets the login's token");
    assert_eq!(open(&world.stored_grant().await.unwrap()).refresh_token.unwrap().expose_secret(), "refresh-9");
    assert_eq!(text(world.access_token(&node).await), "access-9");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_of_tokens_that_a_login_has_replaced_is_ignored() {
    let (world, node, _) = start(ONCE, [refused()]).await;
    pass(3600).await;
    let (token, ()) = tokio::join!(world.access_token(&node), log_in_soon(&world));
    assert_eq!(text(token), "access-9");
    assert!(world.is_active().await && world.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_refreshed_is_returned_until_it_expires() {
    let (store, script) = (BlockingStore::new().store(), Script::new(ONCE, []));
    let only = Tokens { refresh_token: None, ..tokens("access-0", "", in_seconds(3600)) };
    let (world, node) = (World::with(store.clone(), &only).await, script.node(store));
    pass(3599).await;
    assert_eq!(text(world.access_token(&node).await), "access-0");
    pass(1).await;
    assert!(matches!(world.access_token(&node).await, Err(AccessTokenError::NeedsConsent)));
    assert!(script.spent().is_empty());
}
