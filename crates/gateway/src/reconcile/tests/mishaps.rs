use std::sync::atomic::Ordering::SeqCst;

use axum::http::StatusCode;
use terra_auth::Error;
use terra_auth_model::known_connection::ConnectionState;

use super::{super::ReconcileError, REPAIR, World, counts, upstream::List, user, users};

/// The list has one new user and one changed user, and lacks one known user.
async fn drifted() -> World {
    let world = World::agreeing_on(&users(1..=6)).await;
    let mut listed = users(1..=5);
    listed[0]["scopes"] = "sleep".into();
    listed.push(user(7));
    world.upstream.lists(&listed);
    world
}

#[tokio::test]
async fn an_incomplete_list_changes_nothing() {
    for (page, status) in [(0, 401), (0, 403), (0, 500), (1, 500), (1, 429), (2, 404), (2, 502)] {
        let world = drifted().await;
        world.upstream.lists_so(List::FailsFrom(page, StatusCode::from_u16(status).unwrap()), 2);
        let before = world.known().await;
        let error = world.run(REPAIR).await.unwrap_err();
        assert!(matches!(error, ReconcileError::List(_)), "{page} {status}: {error:?}");
        assert_eq!(world.known().await, before, "{page} {status}");
        assert_eq!(world.upstream.questions.load(SeqCst), 0);
    }
}

#[tokio::test]
async fn wrong_keys_are_reported_as_not_authenticated() {
    let world = drifted().await;
    world.upstream.lists_so(List::FailsFrom(0, StatusCode::UNAUTHORIZED), 2);
    let error = world.run(REPAIR).await.unwrap_err();
    assert!(matches!(error, ReconcileError::List(Error::NotAuthenticated(_))), "{error:?}");
}

#[tokio::test]
async fn a_list_that_repeats_itself_changes_nothing() {
    let world = drifted().await;
    let before = world.known().await;
    world.upstream.lists_so(List::Repeats, 2);
    assert!(matches!(world.run(REPAIR).await, Err(ReconcileError::List(Error::UnreadableResponse { .. }))));
    world.upstream.lists_so(List::GoesRound, 2);
    assert!(matches!(world.run(REPAIR).await, Err(ReconcileError::Repeats)));
    assert_eq!(world.known().await, before);
}

#[tokio::test]
async fn a_failed_lookup_changes_no_connection() {
    let invalid = r#"{"message":"invalid provider"}"#;
    let failures = [(401, ""), (403, ""), (405, ""), (410, ""), (429, ""), (500, ""), (503, ""), (302, ""), (400, "")];
    for (status, body) in failures.into_iter().chain([(200, "<html>"), (400, invalid), (200, "{}")]) {
        let world = drifted().await;
        world.upstream.answers(status, body);
        let drift = world.repair().await;
        assert_eq!((counts(&drift), drift.unknown), ((1, 1, 0), 1), "{status} {body}");
        assert_eq!(world.state(6).await, Some(ConnectionState::Active), "{status} {body}");
    }
}

#[tokio::test]
async fn each_response_for_an_unknown_user_counts_as_gone() {
    let says = r#"{"status":"error","message":"Invalid user id"}"#;
    for (status, body) in [(404, ""), (400, says), (422, r#"{"code":"invalid_user_id"}"#)] {
        let world = drifted().await;
        world.upstream.answers(status, body);
        assert_eq!(counts(&world.repair().await), (1, 1, 1), "{status} {body}");
        assert_eq!(world.state(6).await, Some(ConnectionState::Deauthenticated), "{status} {body}");
    }
}

#[tokio::test]
async fn lookups_stop_after_five_failures_in_a_row() {
    let world = World::agreeing_on(&users(1..=30)).await;
    world.upstream.lists(&users(1..=20));
    world.upstream.answers(500, "");
    let drift = world.repair().await;
    assert_eq!((drift.unknown, drift.not_asked), (5, 5));
    assert!(drift.is_open() && !drift.is_none());
}

#[tokio::test]
async fn lookups_are_skipped_if_the_upstream_denies_a_listed_user() {
    let world = drifted().await;
    world.upstream.denies_everybody();
    let drift = world.repair().await;
    assert_eq!((counts(&drift), drift.not_asked), ((1, 1, 0), 1));
    assert_eq!(world.state(6).await, Some(ConnectionState::Active));
}
