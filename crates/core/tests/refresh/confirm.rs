//! The confirmation call after a refresh, at providers that revoke the old tokens only when the new ones are used.

use secrecy::ExposeSecret as _;
use terra_auth_core::Auth;
use terra_auth_model::provider::RefreshPolicy;

use crate::{
    script::{ONCE, Script, lost, pair, pass, start},
    world::World,
};

const CONFIRMED: RefreshPolicy = RefreshPolicy { confirm: true, ..ONCE };

async fn token(world: &World, node: &Auth) -> String {
    world.access_token(node).await.unwrap().access_token.expose_secret().to_owned()
}

async fn is_confirmed(world: &World) -> bool {
    world.stored_grant().await.unwrap().unconfirmed_since.is_none()
}

/// Sets the results of the next confirmation calls.
fn then(script: &Script, endings: impl IntoIterator<Item = Option<bool>>) {
    script.confirmations.lock().unwrap().extend(endings);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_is_followed_by_one_call_with_the_new_token() {
    let (world, node, script) = start(CONFIRMED, [pair(1, 7200), pair(2, 11_000)]).await;
    pass(3600).await;
    assert_eq!(token(&world, &node).await, "access-1");
    pass(1).await;
    assert_eq!((script.confirmed(), is_confirmed(&world).await), (vec!["access-1".to_owned()], true));
    pass(3600).await;
    assert_eq!(token(&world, &node).await, "access-2");
    pass(1).await;
    assert_eq!(
        (script.confirmed(), is_confirmed(&world).await),
        (["access-1", "access-2"].map(str::to_owned).to_vec(), true)
    );
}

#[tokio::test(start_paused = true)]
async fn no_call_follows_if_the_provider_does_not_require_it() {
    let (world, node, script) = start(ONCE, [pair(1, 7200)]).await;
    pass(3600).await;
    assert_eq!(token(&world, &node).await, "access-1");
    pass(1).await;
    assert_eq!((script.confirmed(), is_confirmed(&world).await), (vec![], true));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_delays_no_caller_and_is_retried_before_the_next_refresh() {
    let (world, node, script) = start(CONFIRMED, [pair(1, 7200), pair(2, 11_000)]).await;
    then(&script, [None]);
    pass(3600).await;
    let began = tokio::time::Instant::now();
    assert_eq!(token(&world, &node).await, "access-1");
    assert_eq!(began.elapsed().as_secs(), 1, "the second that the provider takes for a refresh");
    pass(60).await;
    assert!(!is_confirmed(&world).await, "the tokens are stored all the same");

    pass(3500).await;
    assert_eq!(token(&world, &node).await, "access-2");
    pass(1).await;
    assert_eq!(script.confirmed(), ["access-1", "access-1", "access-2"]);
    assert!(is_confirmed(&world).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_twice_does_not_prevent_the_next_refresh() {
    let (world, node, script) = start(CONFIRMED, [pair(1, 7200), pair(2, 11_000)]).await;
    then(&script, [Some(false), Some(false), Some(false)]);
    pass(3600).await;
    token(&world, &node).await;
    pass(3560).await;
    assert_eq!(token(&world, &node).await, "access-2");
    pass(1).await;
    assert_eq!(script.confirmed(), ["access-1", "access-1", "access-2"], "two calls for each pair at most");
    assert!(!is_confirmed(&world).await);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_call_is_repeated_by_the_node_that_refreshes_next() {
    let (world, node, script) = start(CONFIRMED, [pair(1, 7200), pair(2, 11_000)]).await;
    let other = script.node(world.store.clone());
    then(&script, [None]);
    pass(3600).await;
    token(&world, &node).await;
    drop(node);
    pass(3560).await;
    assert_eq!(token(&world, &other).await, "access-2");
    assert_eq!(script.confirmed()[..2], ["access-1", "access-1"]);
}

#[tokio::test(start_paused = true)]
async fn no_call_is_sent_while_a_refresh_is_unanswered() {
    let (world, node, script) = start(CONFIRMED, [pair(1, 7200), lost(), pair(2, 20_000)]).await;
    then(&script, [Some(false)]);
    pass(3600).await;
    token(&world, &node).await;
    pass(3560).await;
    assert_eq!(token(&world, &node).await, "access-1", "which is still valid");
    pass(3600).await;
    assert_eq!(token(&world, &node).await, "access-2");
    pass(1).await;
    assert_eq!(script.confirmed(), ["access-1", "access-1", "access-2"]);
}
