//! What a provider lets itself be asked, counted at the provider.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use terra_auth_core::{Auth, refresh::AccessTokenError, store::Store};
use terra_auth_sandbox::Fault;
use terra_auth_store::Sqlite;
use terra_auth_testkit::FixedClock;

use crate::{practice::FACE, world::World};

async fn world(number: usize, nodes: usize, budget: &str) -> (World, Arc<FixedClock>) {
    let (store, clock) = (Sqlite::in_memory().unwrap(), Arc::<FixedClock>::default());
    let store = Store::new(store);
    let world = World::start(vec![store; nodes], budget, Arc::clone(&clock) as Arc<_>).await;
    world.import(number).await;
    (world, clock)
}

/// Whoever is due is looked at, and everybody else asks for an access token; how often the provider was called for that.
async fn calls_for_all(world: &World, node: &Auth) -> usize {
    let before = world.practice.calls.begun();
    world.refresh_all().await;
    for user in world.users().await {
        let lent = node.access_token(&world.dev_id, user).await;
        assert!(matches!(lent, Ok(_) | Err(AccessTokenError::Unavailable { .. })), "{lent:?}");
    }
    world.practice.calls.begun() - before
}

#[tokio::test]
async fn a_provider_that_says_when_to_come_back_is_asked_by_nobody_before() {
    let (world, clock) = world(5, 1, "at_once = 1").await;
    let node = &world.nodes[0];
    world.practice.sandbox.set_next_faults(FACE, [Some(Fault::TooManyRequests { retry_after_seconds: 120 })]);
    assert_eq!(calls_for_all(&world, node).await, 1);
    clock.advance(SignedDuration::from_secs(119));
    assert_eq!(calls_for_all(&world, node).await, 0);
    assert_eq!(world.practice.refreshed_once(), 0);

    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(calls_for_all(&world, node).await, 5);
    assert_eq!(world.practice.refreshed_once(), 5);
}

#[tokio::test]
async fn no_more_than_a_provider_allows_are_begun_in_a_minute() {
    let (world, clock) = world(7, 1, "at_once = 1, per_minute = 3").await;
    let node = &world.nodes[0];
    for begun in [3, 3, 1] {
        assert_eq!(calls_for_all(&world, node).await, begun);
        clock.advance(SignedDuration::from_secs(59));
        assert_eq!(calls_for_all(&world, node).await, 0);
        clock.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(world.practice.refreshed_once(), 7);
}

/// When those come who were not refreshed yet, in order.
async fn turns(world: &World) -> Vec<Timestamp> {
    let mut turns = Vec::new();
    for user in world.users().await {
        let kept = world.kept(user).await;
        turns.extend(kept.refresh_at.filter(|_| kept.version == 0));
    }
    turns.sort_unstable();
    turns
}

#[tokio::test]
async fn who_waits_for_a_budget_is_told_a_minute_and_comes_then() {
    let (world, clock) = world(8, 1, "at_once = 1, per_minute = 2").await;
    world.refresh_all().await;
    let told = turns(&world).await;
    let minutes: Vec<_> = told.iter().map(|turn| turn.duration_since(FixedClock::START).as_mins()).collect();
    assert_eq!(minutes, [1, 1, 2, 2, 3, 3]);
    for refreshed in [4, 6, 8] {
        clock.advance(SignedDuration::from_secs(90)); // a minute, and the longest jitter
        world.refresh_all().await;
        assert_eq!(world.practice.refreshed_once(), refreshed);
        assert_eq!(turns(&world).await, told[refreshed - 2..], "nobody is told twice");
    }
}

#[tokio::test]
async fn no_more_are_under_way_than_a_provider_allows_each_node() {
    for nodes in [1, 2] {
        let (world, _) = world(24, nodes, "at_once = 3").await;
        world.practice.sandbox.set_fault(FACE, Some(Fault::Slow(Duration::from_millis(20))));
        let users = world.users().await;
        let asked = users.iter().map(|user| world.nodes[0].access_token(&world.dev_id, *user));
        let (lent, ()) = tokio::join!(join_all(asked), world.refresh_all());
        assert!(lent.iter().all(Result::is_ok), "{lent:?}");
        assert_eq!(world.practice.refreshed_once(), 24);
        let most = world.practice.calls.most();
        assert!((2..=3 * nodes).contains(&most), "{most} by {nodes}");
    }
}
