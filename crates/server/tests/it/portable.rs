//! Connections that come from another system, and leave for one.

use serde_json::{Value, json};
use terra_auth_types::{
    Environment,
    wire::admin::{ChangeEnvironment, Role},
};

use crate::support::{Answer, TestApp};

fn row(account: &str) -> Value {
    json!({"provider": "FITBIT", "account": account, "reference_id": "alice", "access_token": "access-not-a-secret",
        "refresh_token": "refresh-not-a-secret", "expires_at": "2030-01-01T08:00:00Z"})
}

fn changed(mut row: Value, name: &str, value: &Value) -> Value {
    row[name] = value.clone();
    row
}

async fn import(app: &TestApp, body: Value) -> Answer {
    let operator = app.token(Role::Operator).await;
    let path = format!("/environments/{}/connections/import", app.keys.dev_id);
    app.admin(&operator, "POST", &path, body).await
}

async fn export(app: &TestApp, role: Role, query: &str) -> Answer {
    let token = app.token(role).await;
    app.admin(&token, "GET", &format!("/environments/{}/connections?{query}", app.keys.dev_id), Value::Null).await
}

#[tokio::test]
async fn an_import_adds_connections_and_keeps_existing_ones() {
    let app = TestApp::start().await;
    let id = "11111111-2222-4333-8444-555555555555";
    let first = changed(changed(row("1"), "user_id", &json!(id)), "created_at", &json!("2026-01-02T03:04:05Z"));
    let body = json!({"connections": [first, row("2"), row("2")]});
    assert_eq!(import(&app, body.clone()).await.json(), json!({"imported": 2, "kept": 1, "refused": []}));
    assert_eq!(import(&app, body).await.json(), json!({"imported": 0, "kept": 3, "refused": []}));
    let user = app.get(&format!("/v2/userInfo?user_id={id}")).await.json();
    assert_eq!(user["user"]["created_at"], "2026-01-02T03:04:05.000000+00:00");
    assert_eq!((&user["user"]["active"], &user["user"]["reference_id"]), (&json!(true), &json!("alice")));
    assert_eq!(app.get("/v2/userInfo?reference_id=alice").await.json().as_array().unwrap().len(), 2);
    assert_eq!(app.events().await, Vec::<Value>::new());
}

#[tokio::test]
async fn each_row_that_does_not_fit_is_named_with_its_reason_and_the_others_are_taken() {
    let app = TestApp::start().await;
    let taken = app.connected_user("FITBIT", "bob").await;
    let long = "x".repeat(513);
    let cases = [
        ("provider", json!("NOSUCH"), "provider: unknown, or not enabled in this environment"),
        ("provider", json!("APPLE"), "provider: connects on the device, so there is nothing to import"),
        ("account", json!(""), "account: 1 to 512 bytes of text"),
        ("account", json!(long), "account: 1 to 512 bytes of text"),
        ("access_token", Value::Null, "access_token: missing"),
        ("access_token", json!("two words not-a-secret"), "access_token: 1 to 16384 visible ASCII characters"),
        ("refresh_token", json!(""), "refresh_token: 1 to 16384 visible ASCII characters"),
        ("created_at", json!("2030-01-01T00:00:01Z"), "created_at: in the future"),
        ("user_id", json!(taken), "user_id: used by another connection, or all zeros"),
        ("user_id", json!("00000000-0000-0000-0000-000000000000"), "user_id: used by another connection, or all zeros"),
        ("scopes", json!("a\u{7}"), "scopes: at most 4096 bytes of text"),
    ];
    let mut rows = vec![row("good")];
    rows.extend(cases.iter().map(|(name, value, _)| changed(row("bad"), name, value)));
    rows.push(row("also good"));
    let answer = import(&app, json!({"connections": rows})).await;
    let reasons: Vec<_> = (1..)
        .zip(&cases)
        .map(|(index, (_, _, reason))| json!({"index": index, "reason": reason, "user_limit": false}))
        .collect();
    assert_eq!(answer.json(), json!({"imported": 2, "kept": 0, "refused": reasons}));
    assert!(!answer.text.contains("not-a-secret"), "{answer:?}");
}

#[tokio::test]
async fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let app = TestApp::start().await;
    app.change(ChangeEnvironment { user_limit: Some(Some(3)), ..ChangeEnvironment::default() }).await;
    let rows = json!([row("1"), row("1"), row("2"), row("3")]);
    let answer = import(&app, json!({"connections": rows, "dry_run": true, "counted": 1, "announce": true})).await;
    let limit = json!({"index": 3, "reason": "the environment's user limit is reached", "user_limit": true});
    assert_eq!(answer.json(), json!({"imported": 2, "kept": 1, "refused": [limit]}));
    assert_eq!(app.get("/v2/subscriptions").await.json()["users"], json!([]));
    assert_eq!(app.events().await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_import_stops_at_the_user_limit() {
    let app = TestApp::start().await;
    let rows: Vec<_> = (0..52).map(|n| row(&n.to_string())).collect();
    let answer = import(&app, json!({"connections": rows})).await.json();
    assert_eq!((&answer["imported"], answer["refused"].as_array().unwrap().len()), (&json!(50), 2));
    assert_eq!(import(&app, json!({"connections": [row("7"), row("51")]})).await.json()["kept"], 1);
}

#[tokio::test]
async fn an_announced_import_sends_an_auth_event_for_each_new_connection() {
    let app = TestApp::start().await;
    import(&app, json!({"connections": [row("1")]})).await;
    import(&app, json!({"connections": [row("1"), row("2")], "announce": true})).await;
    let events = app.events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((&events[0]["type"], &events[0]["user"]["reference_id"]), (&json!("auth"), &json!("alice")));
}

#[tokio::test]
async fn an_imported_grant_without_a_known_end_is_refreshed_at_once() {
    let app = TestApp::start_with(Environment::Production).await;
    let unknown = changed(row("unknown"), "expires_at", &Value::Null);
    import(&app, json!({"connections": [row("known"), unknown]})).await;
    for _ in 0..2 {
        app.auth.refresh_due().await.unwrap(); // the first look finds out when each is due
    }
    let due = app.events().await;
    assert_eq!(due.len(), 1, "one was asked for, and the sandbox does not know it: {due:?}");
    assert_eq!(due[0]["user"]["active"], json!(false), "{due:?}");
}

#[tokio::test]
async fn an_export_with_tokens_is_an_owners_act_and_can_be_imported_elsewhere() {
    let app = TestApp::start_with(Environment::Production).await;
    import(&app, json!({"connections": [row("1"), row("2"), row("3")]})).await;
    let bare = export(&app, Role::ReadOnly, "limit=2").await;
    assert_eq!(bare.json()["connections"].as_array().unwrap().len(), 2);
    assert!(!bare.text.contains("not-a-secret"), "{bare:?}");
    let rest = export(&app, Role::ReadOnly, &format!("after={}", bare.json()["next"].as_str().unwrap())).await.json();
    assert_eq!((rest["connections"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    assert_eq!(export(&app, Role::Operator, "with_tokens=true").await.status, 403);
    let whole = export(&app, Role::Owner, "with_tokens=true").await.json();
    assert_eq!(whole["connections"][0]["refresh_token"], "refresh-not-a-secret");
    assert_eq!(whole["connections"][0]["expires_at"], "2030-01-01T08:00:00Z");
    let mut app = app;
    app.keys = app.another().await;
    let moved = import(&app, json!({"connections": whole["connections"]})).await.json();
    assert_eq!(moved["imported"], 3, "{moved}");
    assert_eq!(export(&app, Role::Owner, "with_tokens=1").await.json()["connections"], whole["connections"]);
}

#[tokio::test]
async fn both_ways_are_written_down_as_counts() {
    let app = TestApp::start().await;
    import(&app, json!({"connections": [row("1"), row("1"), changed(row("2"), "account", &json!(""))]})).await;
    import(&app, json!({"connections": [row("9")], "dry_run": true})).await;
    export(&app, Role::ReadOnly, "").await;
    export(&app, Role::Owner, "with_tokens=true").await;
    let owner = app.token(Role::Owner).await;
    let log = app.admin(&owner, "GET", "/audit", Value::Null).await;
    let lines = log.json()["entries"].as_array().unwrap().clone();
    let lines = lines.iter().filter(|line| line["action"].as_str().unwrap().starts_with("connections."));
    let lines: Vec<_> =
        lines.map(|line| (line["action"].as_str().unwrap(), line["target"].as_str().unwrap())).collect();
    let imported = ("connections.import", "1 imported, 1 kept, 1 refused");
    assert_eq!(lines, [imported, ("connections.export", "1 connections with tokens")]);
    assert!(!log.text.contains("not-a-secret"), "{log:?}");
}

#[tokio::test]
async fn a_batch_of_more_than_500_is_rejected() {
    let app = TestApp::start_with(Environment::Production).await;
    let rows: Vec<_> = (0..501).map(|n| row(&n.to_string())).collect();
    let answer = import(&app, json!({"connections": rows})).await;
    assert_eq!(answer.refusal().0, 400, "{answer:?}");
    assert_eq!(app.get("/v2/subscriptions?page=0").await.json()["data"]["results"], json!([]), "{answer:?}");
}
