//! How a connection stands, as operators see it.

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_sandbox::{Fault, ProviderProfile};
use terra_auth_types::wire::admin::Role;

use crate::support::{Answer, TestApp};

async fn report(app: &TestApp, user_id: &str) -> Answer {
    let path = format!("/environments/{}/connections/{user_id}", app.keys.dev_id);
    app.admin(&app.token(Role::ReadOnly).await, "GET", &path, Value::Null).await
}

async fn refresh(app: &TestApp, user_id: &str) -> Value {
    report(app, user_id).await.json()["refresh"].clone()
}

/// What an operator's worker causes that wants to use the connection.
async fn used(app: &TestApp, user_id: &str) -> u16 {
    let path = format!("/environments/{}/connections/{user_id}/access-token", app.keys.dev_id);
    app.admin(&app.token(Role::Operator).await, "POST", &path, Value::Null).await.status.as_u16()
}

#[tokio::test]
async fn a_failing_connection_and_its_recovery_are_visible() {
    let app = TestApp::start().await;
    let user_id = app.connected_user("FITBIT", "alice").await;
    let fresh = report(&app, &user_id).await.json();
    let refresh_at_first = json!({"state": "fine", "since": "2030-01-01T00:00:00Z", "failures": 0, "last_error": null,
        "refreshed_at": null, "next_at": "2030-01-01T00:00:00Z"});
    let expected = json!({"user_id": user_id, "provider": "FITBIT", "reference_id": "alice", "active": true,
        "created_at": "2030-01-01T00:00:00Z", "refresh": refresh_at_first});
    assert_eq!(fresh, expected);

    app.clock.advance(SignedDuration::from_hours(8));
    app.sandbox.set_fault(&ProviderProfile::FITBIT, Some(Fault::ServerError));
    assert_eq!(used(&app, &user_id).await, 503);
    let failing = refresh(&app, &user_id).await;
    let last_error = json!({"class": "answer_lost", "at": "2030-01-01T08:00:00Z"});
    assert_eq!((&failing["state"], &failing["since"]), (&json!("failing"), &json!("2030-01-01T08:00:00Z")));
    assert_eq!((&failing["failures"], &failing["last_error"]), (&json!(1), &last_error));

    app.clock.advance(SignedDuration::from_hours(1));
    app.sandbox.set_fault(&ProviderProfile::FITBIT, None);
    assert_eq!(used(&app, &user_id).await, 200);
    let recovered = refresh(&app, &user_id).await;
    assert_eq!((&recovered["state"], &recovered["since"]), (&json!("fine"), &json!("2030-01-01T09:00:00Z")));
    assert_eq!((&recovered["failures"], &recovered["last_error"]), (&json!(0), &last_error));
    assert_eq!(recovered["refreshed_at"], "2030-01-01T09:00:00Z");
    let kinds: Vec<_> = app.events().await.iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["auth", "connection_error"], "no event is made up for a recovery");
}

#[tokio::test]
async fn a_connection_is_looked_for_in_its_environment_only() {
    let app = TestApp::start().await;
    let refused = report(&app, "00000000-0000-4000-8000-000000000001").await.refusal();
    assert_eq!((refused.0, refused.1.as_str()), (404, "not_found"));
}
