//! Lists, details and replays of deliveries, and test events.

use serde_json::{Value, json};
use terra_auth_core::outbox::QueueCapacity;
use terra_auth_model::delivery::{AttemptOutcome, AttemptReport};
use terra_auth_types::wire::{Event, admin::Role};

use crate::support::TestApp;

async fn list(app: &TestApp, token: &str, query: &str) -> Vec<Value> {
    let path = format!("/environments/{}/deliveries{query}", app.keys.dev_id);
    let answer = app.admin(token, "GET", &path, Value::Null).await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    answer.json()["deliveries"].as_array().unwrap().clone()
}

async fn trigger(app: &TestApp, token: &str, payload: &Value) -> String {
    let path = format!("/environments/{}/events", app.keys.dev_id);
    let answer = app.admin(token, "POST", &path, json!({ "payload": payload })).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["event_id"].as_str().unwrap().to_owned()
}

async fn replay(app: &TestApp, token: &str, body: Value) -> Value {
    let path = format!("/environments/{}/deliveries/replay", app.keys.dev_id);
    app.admin(token, "POST", &path, body).await.json()
}

/// Claims all due deliveries and records a failed last attempt.
async fn fail_all(app: &TestApp) {
    for (delivery, _) in app.auth.claim_deliveries(QueueCapacity::even(100, 100)).await.unwrap().due {
        let report = AttemptReport {
            status: Some(500),
            error: Some("the destination returned 500".to_owned()),
            response: Some("out of order".to_owned()),
            ..AttemptReport::default()
        };
        app.auth.record_delivery_attempt(&delivery, AttemptOutcome::GaveUp, report).await.unwrap();
    }
}

#[tokio::test]
async fn every_type_is_triggered_and_its_delivery_listed() {
    let app = TestApp::start().await;
    app.set_destination().await;
    let token = app.token(Role::Operator).await;
    let mut triggered = Vec::new();
    for event in terra_auth_core::event::examples().unwrap() {
        triggered.push((trigger(&app, &token, &json!(event)).await, event.kind().to_owned()));
    }
    let listed = list(&app, &token, "").await;
    let found: Vec<_> = listed
        .iter()
        .map(|delivery| {
            (delivery["event_id"].as_str().unwrap().to_owned(), delivery["type"].as_str().unwrap().to_owned())
        })
        .collect();
    triggered.sort();
    triggered.reverse();
    assert_eq!((found, Event::TYPES.len()), (triggered, listed.len()));
    assert!(listed.iter().all(|delivery| delivery["state"] == "waiting" && delivery["reference_id"] == "user_1"));
    for invalid in [json!({"type": "auth"}), json!({"type": "unknown"}), json!({})] {
        let path = format!("/environments/{}/events", app.keys.dev_id);
        let refused = app.admin(&token, "POST", &path, json!({ "payload": invalid })).await.refusal();
        assert_eq!((refused.0, &*refused.1), (400, "validation_failed"), "{invalid}");
    }
}

#[tokio::test]
async fn deliveries_are_filtered_and_paged() {
    let app = TestApp::start().await;
    app.set_destination().await;
    let token = app.token(Role::Operator).await;
    let alice = app.connected_user("FITBIT", "alice").await;
    app.connected_user("WHOOP", "bob").await;
    trigger(&app, &token, &json!({"type": "auth_cancelled", "status": "error", "reference_id": "bob"})).await;
    for (query, number) in [
        ("", 3),
        ("?type=auth", 2),
        ("?reference_id=bob", 2),
        ("?reference_id=bob&type=auth_cancelled", 1),
        (&*format!("?user_id={alice}"), 1),
        ("?state=waiting", 3),
        ("?state=failed", 0),
        ("?since=2030-01-01T00:00:00Z", 3),
        ("?until=2030-01-01T00:00:00Z", 0),
        ("?destination_id=00000000-0000-4000-8000-000000000000", 0),
    ] {
        assert_eq!(list(&app, &token, query).await.len(), number, "{query}");
    }
    let path = format!("/environments/{}/deliveries?limit=2", app.keys.dev_id);
    let first = app.admin(&token, "GET", &path, Value::Null).await.json();
    let next = format!("{path}&after={}", first["next"].as_str().unwrap());
    let second = app.admin(&token, "GET", &next, Value::Null).await.json();
    let all = [first["deliveries"].as_array().unwrap(), second["deliveries"].as_array().unwrap().as_slice()].concat();
    assert_eq!((all, &second["next"]), (list(&app, &token, "").await, &Value::Null));
}

#[tokio::test]
async fn failed_deliveries_are_shown_and_replayed() {
    let app = TestApp::start().await;
    app.set_destination().await;
    let token = app.token(Role::Operator).await;
    let payload =
        json!({"type": "auth_cancelled", "status": "error", "reason": "access_denied", "reference_id": "bob"});
    let event_id = trigger(&app, &token, &payload).await;
    trigger(&app, &token, &payload).await;
    fail_all(&app).await;

    let path = format!("/environments/{}/events/{event_id}", app.keys.dev_id);
    let shown = app.admin(&token, "GET", &path, Value::Null).await.json();
    assert_eq!(
        (&shown["payload"]["reason"], &shown["deliveries"][0]["state"]),
        (&json!("access_denied"), &json!("failed"))
    );
    let attempt = &shown["attempts"][0];
    assert_eq!((&attempt["status"], &attempt["response"]), (&json!(500), &json!("out of order")));

    let failed = json!({"state": "failed"});
    let counted = replay(&app, &token, json!({"state": "failed", "dry_run": true})).await;
    assert_eq!(counted, json!({"selected": 2, "replayed": 0}));
    assert_eq!(replay(&app, &token, failed.clone()).await, json!({"selected": 2, "replayed": 2}));
    assert_eq!(replay(&app, &token, failed).await, json!({"selected": 0, "replayed": 0}));
    let again = list(&app, &token, "?state=waiting").await;
    assert_eq!(again.iter().map(|delivery| &delivery["attempts"]).collect::<Vec<_>>(), [&json!(0), &json!(0)]);
}

#[tokio::test]
async fn an_event_from_before_the_destination_is_replayed_to_it() {
    let app = TestApp::start().await;
    let token = app.token(Role::Operator).await;
    let event_id = trigger(&app, &token, &json!({"type": "auth_cancelled", "status": "error"})).await;
    assert_eq!(list(&app, &token, "").await, Vec::<Value>::new());
    app.set_destination().await;
    assert_eq!(replay(&app, &token, json!({"event_id": event_id})).await, json!({"selected": 1, "replayed": 1}));
    assert_eq!(list(&app, &token, "").await[0]["event_id"], event_id);
}
