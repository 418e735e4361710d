//! The limits of a provider, and an app that it refuses.

use std::sync::Arc;

use jiff::SignedDuration;
use terra_auth_core::node::refresh::{alarm::RefusedApp, in_flight::AccessTokenError};
use terra_auth_model::provider::{RefreshError, RefreshPolicy, Refreshed, Tokens};
use terra_auth_types::wire::admin::GrantState;

use crate::{
    engine::BlockingStore,
    script::{ONCE, Script, app_refused, in_seconds, pair, pass, start},
    world::{World, provider, tokens},
};

#[tokio::test(start_paused = true)]
async fn an_app_that_is_refused_is_one_alarm_and_changes_no_connection() {
    let (world, node, script) = start(ONCE, [app_refused(), app_refused(), pair(1, 9000)]).await;
    pass(3600).await;
    for _ in 0..3 {
        assert!(matches!(world.access_token(&node).await, Err(AccessTokenError::Unavailable { .. })));
    }
    let alarm = RefusedApp {
        dev_id: world.developer.dev_id.clone(),
        provider: provider(),
        code: "invalid_client".to_owned(),
        since: in_seconds(3601),
    };
    assert_eq!(node.refused_apps(), std::slice::from_ref(&alarm));
    assert_eq!(script.spent().len(), 1, "the others were not tried");
    pass(31).await;
    assert!(world.access_token(&node).await.is_err());
    pass(31).await;
    assert!(world.access_token(&node).await.is_err(), "the second pause is longer than the first");
    assert_eq!((node.refused_apps(), script.spent().len()), (vec![alarm], 2));
    assert_eq!((world.stored_grant().await.unwrap().state, world.is_active().await), (GrantState::Fine, true));
    assert_eq!(world.events().await, [].into());

    pass(31).await;
    assert!(world.access_token(&node).await.is_ok());
    assert_eq!(node.refused_apps(), []);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_throttles_is_not_called_until_its_pause_is_over() {
    let throttled = RefreshError::Throttled { retry_after: Some(SignedDuration::from_secs(120)) };
    let (world, node, script) = start(ONCE, [Err(throttled), pair(1, 9000)]).await;
    pass(3600).await;
    let busy = world.access_token(&node).await;
    assert!(matches!(busy, Err(AccessTokenError::Unavailable { .. })), "{busy:?}");
    pass(119).await;
    assert!(world.access_token(&node).await.is_err());
    assert_eq!(script.spent().len(), 1);
    pass(1).await;
    assert!(world.access_token(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_more_refreshes_begin_in_a_minute_than_the_provider_allows() {
    let policy = RefreshPolicy { max_per_minute: Some(1), ..ONCE };
    let (world, node, script) = start(policy, [pair(1, 3610), pair(2, 9000)]).await;
    pass(3600).await;
    assert!(world.access_token(&node).await.is_ok());
    assert!(world.access_token(&node).await.is_ok(), "it is valid for some more seconds");
    pass(30).await;
    assert!(matches!(world.access_token(&node).await, Err(AccessTokenError::Unavailable { .. })));
    assert_eq!(script.spent().len(), 1);
    pass(30).await;
    assert!(world.access_token(&node).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_due_grant_is_refreshed_by_one_of_several_nodes() {
    let (world, node, script) = start(ONCE, [pair(1, 7200)]).await;
    let other = script.node(world.store.clone());
    assert_eq!(node.refresh_due().await.unwrap(), 1, "claimed for the first time");
    let kept = world.stored_grant().await.unwrap();
    assert_eq!(kept.expires_at, Some(in_seconds(3600)));
    pass(3600 - 600 - 1).await;
    let (end, ending) = tokio::sync::watch::channel(());
    let until = |mut ending: tokio::sync::watch::Receiver<()>| async move { drop(ending.changed().await) };
    let stop = async {
        pass(120).await;
        drop(end);
    };
    tokio::join!(node.refresh_as_due(until(ending.clone())), other.refresh_as_due(until(ending)), stop);
    assert_eq!(script.spent(), ["refresh-0"]);
    assert_eq!(world.stored_grant().await.unwrap().expires_at, Some(in_seconds(7200)));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_added_while_the_server_runs_gets_a_worker() {
    let (world, node, script) = start(ONCE, [pair(1, 90_000)]).await;
    let catalogue = std::mem::replace(&mut *script.list.lock().unwrap(), Arc::new([]));
    tokio::select! {
        () = node.refresh_as_due(std::future::pending()) => {}
        () = async {
            pass(3600).await;
            assert!(script.spent().is_empty());
            *script.list.lock().unwrap() = catalogue;
            pass(40).await;
        } => {}
    }
    assert_eq!(script.spent(), ["refresh-0"]);
    assert_eq!(world.stored_grant().await.unwrap().expires_at, Some(in_seconds(90_000)));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_is_used_in_time_if_the_access_token_has_no_expiry() {
    let endless = |number: u32| Tokens {
        expires_at: None,
        ..tokens(&format!("access-{number}"), &format!("refresh-{number}"), in_seconds(0))
    };
    let answer = |number| Ok(Refreshed { tokens: endless(number), scopes: None });
    let policy = RefreshPolicy { refresh_token_lifetime: Some(SignedDuration::from_hours(24 * 90)), ..ONCE };
    for (policy, refreshes) in [(ONCE, 0), (policy, 2)] {
        let store = BlockingStore::new().store();
        let world = World::with(store.clone(), &endless(0)).await;
        let script = Script::new(policy, [answer(1), answer(2), answer(3)]);
        let node = script.node(store);
        assert_eq!(node.refresh_due().await.unwrap(), 1, "its age is unknown");
        pass(24 * 3600 * 45).await;
        assert_eq!(node.refresh_due().await.unwrap(), refreshes / 2);
        assert_eq!(node.refresh_due().await.unwrap(), 0, "not due for another half of its lifetime");
        assert_eq!(script.spent().len(), refreshes, "{policy:?}");
        assert!(world.access_token(&node).await.is_ok());
    }
}
