//! The rate limits of a provider, counted at the provider.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use terra_auth_cli_testkit::refresh::{practice::PROFILE, world::World};
use terra_auth_core::{Auth, node::refresh::in_flight::AccessTokenError};
use terra_auth_model::store::Store;
use terra_auth_sandbox::Fault;
use terra_auth_store::Sqlite;
use terra_auth_testkit::FixedClock;

async fn world(number: usize, nodes: usize, budget: &str) -> (World, Arc<FixedClock>) {
    let (store, clock) = (Sqlite::in_memory().unwrap(), Arc::<FixedClock>::default());
    let store = Store::new(store);
    let world = World::start(vec![store; nodes], budget, Arc::clone(&clock) as Arc<_>).await;
    world.import(number).await;
    (world, clock)
}

/// Refreshes all connections that are due, then requests an access token for each user. Returns the
/// number of calls to the provider.
async fn calls_for_all(world: &World, node: &Auth) -> usize {
    let before = world.practice.calls.count();
    world.refresh_all().await;
    for user in world.users().await {
        let token = node.access_token(&world.dev_id, user).await;
        assert!(matches!(token, Ok(_) | Err(AccessTokenError::Unavailable { .. })), "{token:?}");
    }
    world.practice.calls.count() - before
}

#[tokio::test]
async fn a_provider_that_sends_retry_after_gets_no_request_before_then() {
    let (world, clock) = world(5, 1, "at_once = 1").await;
    let node = &world.nodes[0];
    world.practice.sandbox.set_next_faults(PROFILE, [Some(Fault::TooManyRequests { retry_after_seconds: 120 })]);
    assert_eq!(calls_for_all(&world, node).await, 1);
    clock.advance(SignedDuration::from_secs(119));
    assert_eq!(calls_for_all(&world, node).await, 0);
    assert_eq!(world.practice.refreshed_once(), 0);

    clock.advance(SignedDuration::from_secs(1));
    assert_eq!(calls_for_all(&world, node).await, 5);
    assert_eq!(world.practice.refreshed_once(), 5);
}

#[tokio::test]
async fn at_most_per_minute_refreshes_start_within_a_minute() {
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

/// The due times of the connections that were not refreshed yet, in order.
async fn due_times(world: &World) -> Vec<Timestamp> {
    let mut turns = Vec::new();
    for user in world.users().await {
        let grant = world.grant(user).await;
        turns.extend(grant.refresh_at.filter(|_| grant.version == 0));
    }
    turns.sort_unstable();
    turns
}

#[tokio::test]
async fn a_refresh_over_the_budget_is_scheduled_for_a_later_minute_once() {
    let (world, clock) = world(8, 1, "at_once = 1, per_minute = 2").await;
    world.refresh_all().await;
    let scheduled = due_times(&world).await;
    let minutes: Vec<_> = scheduled.iter().map(|turn| turn.duration_since(FixedClock::START).as_mins()).collect();
    assert_eq!(minutes, [1, 1, 2, 2, 3, 3]);
    for refreshed in [4, 6, 8] {
        clock.advance(SignedDuration::from_secs(90)); // a minute plus the longest jitter
        world.refresh_all().await;
        assert_eq!(world.practice.refreshed_once(), refreshed);
        assert_eq!(due_times(&world).await, scheduled[refreshed - 2..], "no refresh is rescheduled");
    }
}

#[tokio::test]
async fn at_most_at_once_refreshes_run_concurrently_on_each_node() {
    for nodes in [1, 2] {
        let (world, _) = world(24, nodes, "at_once = 3").await;
        world.practice.sandbox.set_fault(PROFILE, Some(Fault::Slow(Duration::from_millis(20))));
        let users = world.users().await;
        let asked = users.iter().map(|user| world.nodes[0].access_token(&world.dev_id, *user));
        let (tokens, ()) = tokio::join!(join_all(asked), world.refresh_all());
        assert!(tokens.iter().all(Result::is_ok), "{tokens:?}");
        assert_eq!(world.practice.refreshed_once(), 24);
        let most = world.practice.calls.max_concurrent();
        assert!((2..=3 * nodes).contains(&most), "{most} by {nodes}");
    }
}
