//! Granted scopes that a provider names in the response to a refresh.

use serde_json::{Value, json};
use terra_auth_model::connection::Connection;
use terra_auth_testkit::StoreExt as _;

use crate::{
    script::{Answer, ONCE, in_seconds, pair, pass, start},
    world::World,
};

/// The pair with this number, with scopes in the response.
fn granted(number: u32, scopes: &[&str]) -> Answer {
    let mut refreshed = pair(number, 3600 * i64::from(number + 1))?;
    refreshed.scopes = Some(scopes.iter().map(ToString::to_string).collect());
    Ok(refreshed)
}

async fn remember(world: &World, scopes: Option<&str>) {
    let login = Connection { scopes: scopes.map(str::to_owned), ..world.connection.clone() };
    world.store.renew_connection(&login, &in_seconds(0)).await.unwrap();
}

/// The type, the added scopes, the removed scopes and the user's scopes of each event.
async fn told(world: &World) -> Vec<[Value; 4]> {
    let stored = world.store.events_after(&world.developer.dev_id, &None, &100).await.unwrap();
    let read = |payload: &str| -> Value { serde_json::from_str(payload).unwrap() };
    let events = stored.iter().map(|event| read(&event.payload));
    let parts = |event: Value| {
        let field = |name: &str| event[name].clone();
        [field("type"), field("scopes_added"), field("scopes_removed"), event["user"]["scopes"].clone()]
    };
    events.map(parts).collect()
}

#[tokio::test(start_paused = true)]
async fn changed_scopes_are_stored_and_reported_once() {
    let answers = [granted(1, &["sleep", "heart"]), granted(2, &["heart", "sleep"]), pair(3, 4 * 3600)];
    let (world, node, _) = start(ONCE, answers).await;
    remember(&world, Some("activity,sleep")).await;
    for _ in 0..3 {
        pass(3600).await;
        let token = world.access_token(&node).await.unwrap();
        assert!(token.scopes.unwrap().contains("heart"));
    }
    assert_eq!(world.stored_grant().await.unwrap().scopes.as_deref(), Some("heart,sleep"));
    assert_eq!(told(&world).await, [["permission_change", "heart", "activity", "sleep,heart"].map(|text| json!(text))]);
    assert!(world.is_active().await);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_names_no_scope_changes_nothing() {
    let (world, node, _) = start(ONCE, [granted(1, &[]), pair(2, 3 * 3600)]).await;
    remember(&world, Some("sleep")).await;
    for _ in 0..2 {
        pass(3600).await;
        assert_eq!(world.access_token(&node).await.unwrap().scopes.as_deref(), Some("sleep"));
    }
    assert_eq!(world.stored_grant().await.unwrap().scopes.as_deref(), Some("sleep"));
    assert!(told(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn scopes_that_were_unknown_before_have_not_changed() {
    let (world, node, _) = start(ONCE, [granted(1, &["read", "sleep"])]).await;
    remember(&world, None).await;
    pass(3600).await;
    assert_eq!(world.access_token(&node).await.unwrap().scopes.as_deref(), Some("read,sleep"));
    assert_eq!(world.stored_grant().await.unwrap().scopes.as_deref(), Some("read,sleep"));
    assert!(told(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn scopes_that_arrive_too_late_are_not_reported() {
    let (world, node, _) = start(ONCE, [granted(1, &["sleep"])]).await;
    remember(&world, Some("activity,sleep")).await;
    pass(3600).await;
    let log_in = async {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        remember(&world, Some("activity,heart")).await;
    };
    let (token, ()) = tokio::join!(world.access_token(&node), log_in);
    assert_eq!(token.unwrap().scopes.as_deref(), Some("activity,heart"));
    assert!(told(&world).await.is_empty());
}
