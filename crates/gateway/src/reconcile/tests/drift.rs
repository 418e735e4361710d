use std::sync::Mutex;

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_model::{clock::Clock as _, known_connection::ConnectionState};

use super::{super::Progress, LOOK, World, counts, id, user, users};
use crate::{ReconcileOptions, inbox::Received};

#[tokio::test]
async fn equal_connections_are_no_drift() {
    let world = World::agreeing_on(&users(1..=1001)).await;
    let drift = world.repair().await;
    assert!(drift.is_none(), "{drift:?}");
    assert_eq!((drift.upstream, drift.known, drift.repaired), (1001, 1001, 0));
}

#[tokio::test]
async fn an_unknown_user_is_reported_and_added_by_a_repair() {
    let world = World::agreeing_on(&users(1..=3)).await;
    world.upstream.lists(&users(1..=5));

    let told = world.look().await;
    assert_eq!((counts(&told), told.repaired, world.known().await.len()), ((2, 0, 0), 0, 3));
    assert_eq!(told.missing.examples[0].reference_id.as_deref(), Some("caller-4"));
    let repaired = world.repair().await;
    assert_eq!((counts(&repaired), repaired.repaired, world.known().await.len()), ((2, 0, 0), 2, 5));
    assert!(world.look().await.is_none());
}

#[tokio::test]
async fn a_connection_known_as_deauthenticated_is_missing() {
    let world = World::agreeing_on(&users(1..=2)).await;
    world.inbox.mark_missing(id(2), world.clock.now() - SignedDuration::from_hours(1)).await.unwrap();
    assert_eq!(counts(&world.look().await), (1, 0, 0));
    world.repair().await;
    assert_eq!(world.state(2).await, Some(ConnectionState::Active));
}

#[tokio::test]
async fn every_difference_is_reported_and_corrected_by_a_repair() {
    let differences: [(&str, Value); 4] = [
        ("reference_id", "another".into()),
        ("provider", "GARMIN".into()),
        ("scopes", "sleep".into()),
        ("active", false.into()),
    ];
    for (field, value) in differences {
        let world = World::agreeing_on(&users(1..=2)).await;
        let mut changed = users(1..=2);
        changed[1][field] = value;
        world.upstream.lists(&changed);

        let before = world.known().await;
        assert_eq!(counts(&world.look().await), (0, 1, 0), "{field}");
        assert_eq!(world.known().await, before, "{field}");
        assert_eq!(world.repair().await.repaired, 1, "{field}");
        assert!(world.look().await.is_none(), "{field}");
    }
}

#[tokio::test]
async fn a_connection_that_the_upstream_lacks_is_reported_and_deauthenticated_by_a_repair() {
    let world = World::agreeing_on(&users(1..=3)).await;
    world.upstream.lists(&users(1..=2));

    assert_eq!(counts(&world.look().await), (0, 0, 1));
    assert_eq!(world.state(3).await, Some(ConnectionState::Active));
    assert_eq!(world.repair().await.repaired, 1);
    assert_eq!(world.state(3).await, Some(ConnectionState::Deauthenticated));
    assert!(world.look().await.is_none());
}

#[tokio::test]
async fn a_user_that_is_missing_only_in_the_list_is_not_gone() {
    let world = World::agreeing_on(&users(1..=3)).await;
    world.upstream.lists(&users(1..=2));
    world.upstream.knows_unlisted(user(3));
    assert!(world.repair().await.is_none());

    world.learn(&users(4..=4)).await;
    let mut changed = user(4);
    changed["scopes"] = "sleep".into();
    world.upstream.knows_unlisted(changed);
    assert_eq!(counts(&world.repair().await), (0, 1, 0));
    assert!(world.look().await.is_none());
}

#[tokio::test]
async fn a_user_that_is_not_authenticated_counts_as_unknown() {
    let world = World::agreeing_on(&users(1..=3)).await;
    world.upstream.lists(&users(1..=2));
    let mut waiting = user(3);
    waiting["is_authenticated"] = false.into();
    world.upstream.knows_unlisted(waiting);
    let drift = world.repair().await;
    assert_eq!((counts(&drift), drift.unknown), ((0, 0, 0), 1));
    assert_eq!(world.state(3).await, Some(ConnectionState::Active));
}

#[tokio::test]
async fn a_connection_that_changed_after_the_run_began_is_skipped() {
    let world = World::agreeing_on(&users(1..=2)).await;
    for number in [3, 4] {
        let body = json!({ "type": "auth", "status": "success", "user": user(number) }).to_string();
        let received = Received {
            trace_id: Some(format!("trace-{number}")),
            reference: None,
            digest: [u8::try_from(number).unwrap(); 32],
            ordering: Some((world.clock.now() + SignedDuration::from_secs(1)).to_string()),
            body: body.into_bytes(),
            forward: false,
        };
        world.inbox.receive(received).await.unwrap();
    }
    let mut listed = users(1..=3);
    listed[2]["scopes"] = "sleep".into();
    world.upstream.lists(&listed); // the state before the events
    let before = world.known().await;
    assert!(world.repair().await.is_none());
    assert_eq!(world.known().await, before);
}

#[tokio::test]
async fn a_revoked_connection_is_not_looked_up() {
    let world = World::agreeing_on(&users(1..=1)).await;
    let body = json!({ "type": "access_revoked", "status": "success", "user": user(1) }).to_string();
    let (trace_id, ordering) =
        (Some("trace".to_owned()), Some((world.clock.now() - SignedDuration::from_secs(60)).to_string()));
    let received =
        Received { trace_id, reference: None, digest: [0; 32], ordering, body: body.into_bytes(), forward: false };
    world.inbox.receive(received).await.unwrap();
    world.upstream.lists(&[]);
    assert!(world.repair().await.is_none());
    assert_eq!(world.state(1).await, Some(ConnectionState::Revoked));
}

#[tokio::test]
async fn a_report_has_at_most_a_hundred_examples_of_each_kind() {
    let world = World::agreeing_on(&users(1..=10)).await;
    world.upstream.lists(&users(1..=150));
    let drift = world.look().await;
    assert_eq!((drift.missing.count, drift.missing.examples.len()), (140, 100));
}

#[tokio::test]
async fn a_run_reports_its_progress() {
    let world = World::agreeing_on(&users(1..=700)).await;
    world.learn(&users(701..=702)).await;
    let heard = Mutex::new(vec![]);
    world.run(ReconcileOptions { progress: &|so_far| heard.lock().unwrap().push(so_far), ..LOOK }).await.unwrap();
    let expected = [Progress::Listed(500), Progress::Listed(700), Progress::Asked(1), Progress::Asked(2)];
    assert_eq!(*heard.lock().unwrap(), expected);
}
