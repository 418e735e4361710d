//! Links by which end users move from one provider to another.

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_types::wire::admin::Role;

use crate::support::{Answer, Decision, TestApp, path_of};

async fn invite(app: &TestApp, more: Value) -> Answer {
    let operator = app.token(Role::Operator).await;
    let mut body = json!({"from": "FITBIT", "to": "GOOGLE", "reference_ids": ["alice", "bob", "carol"]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = format!("/environments/{}/migration/invitations", app.keys.dev_id);
    app.admin(&operator, "POST", &path, body).await
}

async fn moving() -> TestApp {
    let app = TestApp::start().await;
    app.connected_user("FITBIT", "alice").await;
    app.connected_user("FITBIT", "bob").await;
    app.connected_user("GOOGLE", "bob").await;
    app
}

fn link(answer: &Answer) -> String {
    path_of(&answer.json()["invitations"][0]["url"].as_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn an_invited_end_user_migrates_within_a_week_and_the_old_connection_stays() {
    let app = moving().await;
    let answer = invite(&app, json!({})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["skipped"]), (201, &json!(["bob", "carol"])), "{answer:?}");
    let invitation = &answer.json()["invitations"][0];
    assert_eq!(
        (&invitation["reference_id"], &invitation["expires_at"]),
        (&json!("alice"), &json!("2030-01-08T00:00:00Z"))
    );

    app.clock.advance(SignedDuration::from_hours(7 * 24) - SignedDuration::from_secs(1));
    let (back, cookies) = app.at_provider(&link(&answer), "demo", Decision::Approve).await;
    assert_eq!(app.page(&back, &cookies).await.status, 303);
    let connections = app.get("/v2/userInfo?reference_id=alice").await.json();
    let mut providers: Vec<_> = connections.as_array().unwrap().iter().map(|one| one["provider"].clone()).collect();
    providers.sort_by_key(ToString::to_string);
    assert_eq!(providers, ["FITBIT", "GOOGLE"]);
    assert_eq!(invite(&app, json!({})).await.json()["invitations"], json!([]));
}

#[tokio::test]
async fn a_link_expires_at_its_announced_time() {
    let app = moving().await;
    let answer = invite(&app, json!({"valid_hours": 1})).await;
    app.clock.advance(SignedDuration::from_hours(1));
    let page = app.page(&link(&answer), &[]).await;
    assert_eq!(page.status, 410, "{page:?}");
}

#[tokio::test]
async fn a_malformed_invitation_is_rejected_with_the_reason() {
    let app = moving().await;
    for more in [
        json!({"valid_hours": 0}),
        json!({"valid_hours": 337}),
        json!({"to": "NOSUCH"}),
        json!({"to": "APPLE"}),
        json!({"success_url": "http://acme.example"}),
        json!({"reference_ids": vec!["alice"; 501]}),
    ] {
        let answer = invite(&app, more.clone()).await;
        assert_eq!(answer.status, 400, "{more}: {answer:?}");
    }
    let log = app.admin(&app.token(Role::Owner).await, "GET", "/audit", Value::Null).await;
    assert!(!log.text.contains("migration.invite"), "{log:?}");
}
