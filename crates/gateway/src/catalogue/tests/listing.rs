use jiff::SignedDuration;
use serde_json::json;

use super::{List, UpstreamError, World};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

#[tokio::test]
async fn enabled_providers_are_offered_with_logo_urls_on_the_gateway() {
    let world = World::start().await;
    world.api.answers(List::Providers(json!([
        {"provider": "FITBIT", "name": "Fitbit", "icon": "https://cdn.example/f.png", "setup": "API_KEYS_MANAGED",
            "types": {"sleep": true}},
        {"provider": "GARMIN", "name": "Garmin", "icon": "https://cdn.example/g.png", "enabled": false},
        {"provider": "OURA", "name": "Oura"},
        {"provider": "a/b", "name": "Odd", "icon": "https://cdn.example/o.png"},
        {"provider": "POLAR", "name": "Polar", "icon": "no address"},
    ])));
    let listing = world.catalogue.listing(&world.breaker).await.unwrap();
    let sleep = json!({"activity": false, "body": false, "nutrition": false, "daily": false, "sleep": true,
        "menstruation": false});
    assert_eq!(
        serde_json::to_value(&listing.integrations).unwrap(),
        json!([
            {"name": "Fitbit", "resource": "FITBIT", "logo_url": "/api/terra/logos/FITBIT", "types": sleep},
            {"name": "Oura", "resource": "OURA", "logo_url": null},
            {"name": "Odd", "resource": "a/b", "logo_url": null},
            {"name": "Polar", "resource": "POLAR", "logo_url": null},
        ])
    );
}

#[tokio::test]
async fn the_list_is_refreshed_in_the_background_after_five_minutes() {
    let world = World::start().await;
    world.api.offers(&[("FITBIT", "")]);
    assert_eq!(world.offered().await.unwrap(), ["FITBIT"]);
    world.api.offers(&[("GARMIN", "")]);
    world.pass(MINUTE * 5 - SignedDuration::from_secs(1));
    assert_eq!((world.offered().await.unwrap(), world.api.lists_asked()), (vec!["FITBIT".to_owned()], 1));
    world.pass(SignedDuration::from_secs(1));
    assert_eq!(world.offered().await.unwrap(), ["FITBIT"]);
    world.api.was_asked(2).await;
    while world.offered().await.unwrap() != ["GARMIN"] {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.api.lists_asked(), 2);
}

#[tokio::test]
async fn a_list_is_served_for_a_day_while_the_upstream_fails() {
    let world = World::start().await;
    world.api.offers(&[("FITBIT", "")]);
    world.offered().await.unwrap();
    world.api.answers(List::Failure);
    world.pass(MINUTE * 5);
    for asked in [2, 3, 4] {
        for _ in 0..10 {
            assert_eq!(world.offered().await.unwrap(), ["FITBIT"]);
        }
        world.api.was_asked(asked).await;
        world.pass(MINUTE);
    }
    world.pass(SignedDuration::from_hours(24));
    assert!(matches!(world.offered().await, Err(UpstreamError::Failed(_))));
}

#[tokio::test]
async fn no_caller_waits_for_a_new_list_while_there_is_an_old_one() {
    let world = World::start().await;
    world.api.offers(&[("FITBIT", "")]);
    world.offered().await.unwrap();
    world.api.answers(List::Silence);
    world.pass(MINUTE * 5);
    for _ in 0..100 {
        assert_eq!(world.offered().await.unwrap(), ["FITBIT"]);
    }
    world.api.was_asked(2).await;
}

#[tokio::test]
async fn many_first_callers_cause_one_fetch() {
    let world = World::start().await;
    world.api.offers(&[("FITBIT", "")]);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (catalogue, breaker) = (world.catalogue.clone(), world.breaker.clone());
        callers.spawn(async move { catalogue.listing(&breaker).await.is_ok() });
    }
    assert!(callers.join_all().await.into_iter().all(|answered| answered));
    assert_eq!(world.api.lists_asked(), 1);
}

#[tokio::test]
async fn no_caller_waits_long_for_the_response_of_another() {
    let world = World::start().await;
    world.api.answers(List::Silence);
    let (catalogue, breaker) = (world.catalogue.clone(), world.breaker.clone());
    tokio::spawn(async move { catalogue.listing(&breaker).await.is_ok() });
    world.api.was_asked(1).await;
    tokio::time::pause();
    assert!(matches!(world.offered().await, Err(UpstreamError::Paused { retry_after_s: 1 })));
    assert_eq!(world.api.lists_asked(), 1);
}

#[tokio::test]
async fn without_a_list_the_upstreams_error_is_returned_and_the_next_caller_tries_again() {
    let world = World::start().await;
    assert!(matches!(world.offered().await, Err(UpstreamError::Failed(terra_auth::Error::Server(_)))));
    world.api.offers(&[("FITBIT", "")]);
    assert_eq!(world.offered().await.unwrap(), ["FITBIT"]);
}

#[tokio::test]
async fn calls_to_an_upstream_that_keeps_failing_are_paused() {
    let world = World::start().await;
    for _ in 0..5 {
        assert!(matches!(world.offered().await, Err(UpstreamError::Failed(_))));
    }
    assert!(matches!(world.offered().await, Err(UpstreamError::Paused { retry_after_s: 5 })));
    assert_eq!(world.api.lists_asked(), 5);
}

#[tokio::test]
async fn a_list_has_at_most_512_providers() {
    let world = World::start().await;
    let names: Vec<String> = (0..600).map(|number| format!("P{number}")).collect();
    let providers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    world.api.offers(&providers);
    assert_eq!(world.offered().await.unwrap(), names[..512]);
}
