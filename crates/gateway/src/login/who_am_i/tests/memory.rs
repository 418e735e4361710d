use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json,
    response::{IntoResponse as _, Response},
};
use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{UNAVAILABLE, World, settings};
use crate::{login::testing::eventually, settings::WhoAmISettings};

const REFUSED: &str = "not logged in: the app rejected these credentials";

/// An app that returns the value of the cookie as the user id.
async fn echo(headers: HeaderMap) -> Response {
    tokio::time::sleep(Duration::from_millis(20)).await;
    let cookie = headers["cookie"].to_str().unwrap();
    Json(json!({ "id": cookie.trim_start_matches("session=") })).into_response()
}

#[tokio::test]
async fn a_hundred_concurrent_requests_cause_one_call() {
    let world = World::new(settings(), echo).await;
    let all = join_all((0..100).map(|_| world.told("alice"))).await;
    assert_eq!((all, world.asked()), (vec!["alice".to_owned(); 100], 1));
}

#[tokio::test]
async fn a_response_is_cached_for_the_configured_time() {
    let world = World::new(settings(), echo).await;
    for (milliseconds, asked) in [(0, 1), (4_999, 1), (1, 2), (-1, 3)] {
        world.pass(milliseconds);
        assert_eq!((world.told("alice").await, world.asked()), ("alice".to_owned(), asked), "{milliseconds}");
    }
    let world = World::new(WhoAmISettings { cache_s: Some(0), ..settings() }, echo).await;
    for asked in 1..4 {
        assert_eq!((world.told("alice").await, world.asked()), ("alice".to_owned(), asked));
    }
}

#[tokio::test]
async fn no_caller_gets_the_response_of_another() {
    let world = World::new(settings(), async |_| Json(json!({ "id": "alice" })).into_response()).await;
    let shown: [&[(&'static str, &str)]; 6] = [
        &[("cookie", "ab")],
        &[("cookie", "a"), ("cookie", "b")],
        &[("authorization", "ab")],
        &[("cookie", "a"), ("authorization", "b")],
        &[("cookie", "b"), ("authorization", "a")],
        &[("cookie", "a"), ("cookie", "b"), ("authorization", "c")],
    ];
    for (asked, headers) in shown.into_iter().enumerate() {
        world.caller(headers).await.unwrap().unwrap();
        assert_eq!(world.asked(), asked + 1, "{headers:?}");
    }
}

#[tokio::test]
async fn a_new_login_is_accepted_a_second_later() {
    let logged_in = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&logged_in);
    let world = World::new(settings(), async move |headers| {
        if seen.load(Ordering::SeqCst) { echo(headers).await } else { StatusCode::UNAUTHORIZED.into_response() }
    })
    .await;
    assert_eq!(world.told("alice").await, REFUSED);
    logged_in.store(true, Ordering::SeqCst);
    world.pass(999);
    assert_eq!((world.told("alice").await, world.asked()), (REFUSED.to_owned(), 1));
    world.pass(1);
    assert_eq!(world.told("alice").await, "alice");
}

#[tokio::test]
async fn a_failure_is_not_cached() {
    let world = World::new(settings(), async |_| StatusCode::BAD_GATEWAY.into_response()).await;
    for asked in 1..4 {
        assert_eq!((world.told("alice").await, world.asked()), (UNAVAILABLE.to_owned(), asked));
    }
}

#[tokio::test]
async fn at_most_64_calls_to_a_slow_app_run_at_a_time() {
    let world = World::new(settings(), async |_| pending().await).await;
    let sessions: Vec<_> = (0..64).map(|number| number.to_string()).collect();
    let waiting = join_all(sessions.iter().map(|session| world.told(session)));
    tokio::select! {
        _ = waiting => panic!("the app responded"),
        () = eventually(async || world.asked() == 64) => {}
    }
    let waiting = join_all(sessions.iter().map(|session| world.told(session)));
    let another = async {
        eventually(async || world.asked() == 128).await;
        tokio::time::timeout(Duration::from_millis(300), world.told("another")).await
    };
    tokio::select! {
        _ = waiting => panic!("the app responded"),
        told = another => assert!(told.is_err() && world.asked() == 128, "it waits: {told:?}"),
    }
}

#[tokio::test]
async fn another_caller_repeats_the_call_if_the_first_disconnects() {
    let is_first = Arc::new(AtomicBool::new(true));
    let world = World::new(settings(), async move |headers| {
        if is_first.swap(false, Ordering::SeqCst) { pending().await } else { echo(headers).await }
    })
    .await;
    let first = async {
        tokio::select! {
            _ = world.told("alice") => panic!("the app responded to the first call"),
            () = eventually(async || world.asked() == 1) => {}
        }
    };
    let second = async {
        eventually(async || world.asked() == 1).await;
        world.told("alice").await
    };
    let ((), second) = tokio::join!(first, second);
    assert_eq!((second, world.asked()), ("alice".to_owned(), 2));
}
