use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::timeout;

use super::{Api, World};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

#[tokio::test]
async fn a_logo_is_fetched_once_a_day() {
    let world = World::with_logo("logo/png").await;
    for _ in 0..10 {
        assert_eq!(world.shown("FITBIT").await, Some("image/png"));
    }
    world.pass(DAY - SECOND);
    assert_eq!((world.shown("FITBIT").await, world.api.pictures_asked()), (Some("image/png"), 1));
    world.pass(SECOND);
    assert_eq!((world.shown("FITBIT").await, world.api.pictures_asked()), (Some("image/png"), 2));
}

#[tokio::test]
async fn many_concurrent_requests_cause_one_fetch() {
    let world = World::with_logo("logo/png").await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (catalogue, breaker) = (world.catalogue.clone(), world.breaker.clone());
        callers.spawn(async move { catalogue.logo(&"FITBIT".parse().unwrap(), &breaker).await.is_some() });
    }
    assert!(callers.join_all().await.into_iter().all(|shown| shown));
    assert_eq!(world.api.pictures_asked(), 1);
}

#[tokio::test]
async fn only_images_of_known_types_and_sizes_are_served() {
    for (logo, shown) in [
        ("png", Some("image/png")),
        ("jpeg", Some("image/jpeg")),
        ("webp", Some("image/webp")),
        ("svg+xml", Some("image/svg+xml")),
        ("gif", Some("image/gif")),
        ("parameters", Some("image/webp")),
        ("large", Some("image/png")),
        ("too-large", None),
        ("tiff", None),
        ("page", None),
        ("script", None),
        ("untyped", None),
        ("moved", None),
        ("broken", None),
    ] {
        let world = World::with_logo(&format!("logo/{logo}")).await;
        assert_eq!(world.shown("FITBIT").await, shown, "{logo}");
        assert_eq!(world.api.pictures_asked(), 1, "{logo}");
    }
}

#[tokio::test]
async fn a_failed_fetch_is_not_retried_for_a_minute() {
    let world = World::with_logo("logo/broken").await;
    for (pass, asked) in [(0, 1), (0, 1), (59, 1), (1, 2), (1, 2)] {
        world.pass(SECOND * pass);
        assert_eq!((world.shown("FITBIT").await, world.api.pictures_asked()), (None, asked));
    }
}

#[tokio::test]
async fn no_caller_waits_long_for_other_logos() {
    let world = World::with_logo("logo/png").await;
    world.offered().await.unwrap();
    let _others = world.catalogue.0.pictures.places.acquire_many(16).await.unwrap();
    tokio::time::pause();
    assert_eq!(timeout(Duration::from_secs(6), world.shown("FITBIT")).await, Ok(None));
    assert_eq!(world.api.pictures_asked(), 0);
}

#[tokio::test]
async fn a_logo_on_another_loopback_server_is_not_fetched() {
    let (world, other) = (World::start().await, Api::start().await);
    world.api.offers(&[("FITBIT", other.url.join("logo/png").unwrap().as_str())]);
    assert_eq!((world.shown("FITBIT").await, other.pictures_asked()), (None, 0));
}

#[tokio::test]
async fn a_provider_that_is_not_offered_causes_no_request() {
    let world = World::with_logo("logo/png").await;
    assert_eq!(world.shown("GARMIN").await, None);
    assert_eq!(world.api.pictures_asked(), 0);
}

#[tokio::test]
async fn a_new_list_keeps_the_logos_whose_url_is_unchanged() {
    let world = World::start().await;
    let logo = |name: &str| world.api.url.join(name).unwrap().to_string();
    world.api.offers(&[("FITBIT", &logo("logo/png")), ("OURA", &logo("logo/gif"))]);
    assert_eq!([world.shown("FITBIT").await, world.shown("OURA").await], [Some("image/png"), Some("image/gif")]);
    world.api.offers(&[("FITBIT", &logo("logo/png")), ("OURA", &logo("logo/webp")), ("GARMIN", "")]);
    world.pass(SignedDuration::from_mins(5));
    while world.offered().await.unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!([world.shown("FITBIT").await, world.shown("OURA").await], [Some("image/png"), Some("image/webp")]);
    assert_eq!(world.api.pictures_asked(), 3);
}

#[tokio::test]
async fn without_a_list_there_are_no_logos() {
    let world = World::start().await;
    assert_eq!(world.shown("FITBIT").await, None);
}
