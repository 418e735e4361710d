//! What the audit log says, and what it keeps to itself.

use axum::body::Body;
use http::Request;
use insta::assert_snapshot;
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_types::wire::admin::{AuditEntry, Role};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Answer, TestApp};

async fn audit(app: &TestApp, after: u64) -> Vec<AuditEntry> {
    app.auth.audit_page(after, 500).await.unwrap().entries
}

fn id_of(answer: &Answer, pointer: &str) -> String {
    answer.json().pointer(pointer).unwrap_or_else(|| panic!("{answer:?}")).as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_act_and_every_denial_is_written_down_without_a_secret() {
    let log = crate::support::Page::default();
    let loudest = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _listening = tracing::subscriber::set_default(loudest);
    let app = TestApp::start().await;
    let (owner, reader) = (app.token(Role::Owner).await, app.token(Role::ReadOnly).await);
    let begin = audit(&app, 0).await.len() as u64;
    let send = |token: &str, method: &str, path: String, body: Value| {
        let (token, method) = (token.to_owned(), method.to_owned());
        let app = &app;
        async move { app.admin(&token, &method, &path, body).await }
    };

    let made = send(&owner, "POST", "/environments".to_owned(), json!({"environment": "staging", "name": "New"})).await;
    let dev_id = id_of(&made, "/dev_id");
    let path = format!("/environments/{dev_id}");
    send(&owner, "PATCH", path.clone(), json!({"name": "Renamed"})).await;
    send(&owner, "PATCH", path.clone(), json!({"active": false})).await;
    send(&owner, "PATCH", path.clone(), json!({"active": true})).await;
    let key = send(&owner, "POST", format!("{path}/keys"), json!({"name": "worker"})).await;
    let key_id = id_of(&key, "/key/key_id");
    let newer = send(&owner, "POST", format!("{path}/keys/{key_id}/rotate"), Value::Null).await;
    let newer_id = id_of(&newer, "/key/key_id");
    send(&owner, "DELETE", format!("{path}/keys/{newer_id}"), Value::Null).await;
    let secret = send(&owner, "POST", format!("{path}/signing-secret/rotate"), json!({})).await;
    let token = send(&owner, "POST", "/tokens".to_owned(), json!({"name": "Alex", "role": "operator"})).await;
    let token_id = id_of(&token, "/info/token_id");
    send(&owner, "DELETE", format!("/tokens/{token_id}"), Value::Null).await;
    send(&reader, "POST", format!("{path}/keys"), json!({"name": "mine"})).await;
    send(&reader, "DELETE", path.clone(), Value::Null).await;
    send("wrong-token-not-a-secret", "GET", "/tokens".to_owned(), Value::Null).await;
    send(&owner, "DELETE", format!("{path}?users=0&api_keys=2&waiting_deliveries=0"), Value::Null).await;

    let lines = audit(&app, begin).await;
    let first_id = lines[0].target.split(' ').nth(1).unwrap().to_owned();
    let ids = [(&dev_id, "DEV"), (&first_id, "FIRST"), (&newer_id, "NEWER"), (&key_id, "KEY"), (&token_id, "TOKEN")];
    let named = |text: &str| ids.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id.as_str(), name));
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let place = line.dev_id.as_ref().map_or("-", |dev_id| dev_id.as_str());
            let verdict = if line.allowed { "done" } else { "denied" };
            named(&format!("{} {} {place} {:?} {verdict} {}", line.actor, line.action, line.target, line.at))
        })
        .collect();
    assert_snapshot!(told.join("\n"), @r#"
    owner environment.create - "DEV FIRST" done 2030-01-01T00:00:00Z
    owner environment.change DEV "" done 2030-01-01T00:00:00Z
    owner environment.disable DEV "" done 2030-01-01T00:00:00Z
    owner environment.enable DEV "" done 2030-01-01T00:00:00Z
    owner api_key.create DEV "KEY worker" done 2030-01-01T00:00:00Z
    owner api_key.rotate DEV "KEY until 2030-01-02T00:00:00Z as NEWER" done 2030-01-01T00:00:00Z
    owner api_key.revoke DEV "NEWER until 2030-01-01T00:00:00Z" done 2030-01-01T00:00:00Z
    owner signing_secret.rotate DEV "" done 2030-01-01T00:00:00Z
    owner admin_token.create - "TOKEN Alex" done 2030-01-01T00:00:00Z
    owner admin_token.revoke - "TOKEN" done 2030-01-01T00:00:00Z
    read-only api_key.create DEV "mine" denied 2030-01-01T00:00:00Z
    read-only environment.delete - "DEV" denied 2030-01-01T00:00:00Z
    unknown admin.authenticate - "GET /tokens" denied 2030-01-01T00:00:00Z
    owner environment.delete - "DEV" done 2030-01-01T00:00:00Z
    "#);
    assert_eq!(
        lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        (begin + 1..).take(lines.len()).collect::<Vec<_>>()
    );

    let verdict = app.admin(&reader, "GET", "/audit/verify", Value::Null).await.json();
    assert_eq!(verdict, json!({"intact": true, "entries": begin + lines.len() as u64, "broken_at": null}));
    let audit = app.admin(&reader, "GET", "/audit", Value::Null).await.text;
    let log = log.text();
    for secret in [
        &owner,
        &reader,
        app.keys.api_key.expose(),
        app.keys.signing_secret.expose(),
        &id_of(&made, "/api_key"),
        &id_of(&made, "/signing_secret"),
        &id_of(&key, "/api_key"),
        &id_of(&newer, "/api_key"),
        &id_of(&secret, "/signing_secret"),
        &id_of(&token, "/token"),
        "wrong-token-not-a-secret",
    ] {
        assert!(!audit.contains(secret) && !log.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn the_log_is_read_page_by_page() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    for name in ["a", "b", "c"] {
        app.admin(&owner, "POST", "/tokens", json!({"name": name, "role": "read-only"})).await;
    }
    let (mut after, mut seen) = (json!(0), Vec::new());
    while !after.is_null() {
        let page = app.admin(&owner, "GET", &format!("/audit?after={after}&limit=2"), Value::Null).await.json();
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()));
        after = page["next"].clone();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn strangers_get_one_line_a_minute_that_counts_them() {
    let app = TestApp::start().await;
    let begin = audit(&app, 0).await.len() as u64;
    for wait_ms in [0, 0, 59_999, 1, 0, 60_000] {
        app.clock.advance(SignedDuration::from_millis(wait_ms));
        let request = Request::get("/api/v3/admin/environments").body(Body::empty()).unwrap();
        assert_eq!(app.send(request).await.status, 401);
    }
    let lines = audit(&app, begin).await;
    let targets: Vec<_> = lines.iter().map(|line| line.target.as_str()).collect();
    let target = "GET /environments";
    assert_eq!(targets, [target, &format!("after 2 others: {target}"), &format!("after 1 others: {target}")]);
    assert!(lines.iter().all(|line| line.actor == "unknown" && line.action == "admin.authenticate" && !line.allowed));
}

#[tokio::test]
async fn a_log_line_has_the_address_of_the_peer_and_ignores_headers() {
    let app = TestApp::serve().await;
    let owner = app.token(Role::Owner).await;
    let mut stream = TcpStream::connect(app.auth.widget_url().authority()).await.unwrap();
    let body = r#"{"name":"Alex","role":"operator"}"#;
    let request = format!(
        "POST /api/v3/admin/tokens HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {owner}\r\n\
         x-forwarded-for: 192.0.2.1\r\nforwarded: for=192.0.2.1\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(audit(&app, 0).await.pop().unwrap().origin.as_deref(), Some("127.0.0.1"));
}

#[tokio::test]
async fn denied_acts_of_a_token_get_one_line_a_minute_that_counts_them() {
    let app = TestApp::start().await;
    let (reader, other) = (app.token(Role::ReadOnly).await, app.token(Role::ReadOnly).await);
    let begin = audit(&app, 0).await.len() as u64;
    let create = json!({"name": "mallory", "role": "owner"});
    for _ in 0..50 {
        assert_eq!(app.admin(&reader, "POST", "/tokens", create.clone()).await.status, 403);
    }
    assert_eq!(app.admin(&other, "POST", "/tokens", create.clone()).await.status, 403);
    app.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(app.admin(&reader, "POST", "/tokens", create).await.status, 403);
    let lines = audit(&app, begin).await;
    let targets: Vec<_> = lines.iter().map(|line| line.target.as_str()).collect();
    assert_eq!(targets, ["mallory", "mallory", "after 49 others: mallory"]);
    assert_eq!(lines[0].actor_id, lines[2].actor_id);
    assert_ne!(lines[0].actor_id, lines[1].actor_id, "two tokens of one name are told apart");
}

#[tokio::test]
async fn no_log_line_contains_control_or_bidi_characters() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    for name in ["a\u{9b}b", "a\u{85}b", "a\u{202e}b", "a\u{2066}b", "a\nb"] {
        let refused = app.admin(&owner, "POST", "/tokens", json!({"name": name, "role": "owner"})).await;
        assert_eq!(refused.status, 400, "{name:?}");
    }
    let reader = app.token(Role::ReadOnly).await;
    app.admin(&reader, "POST", "/tokens", json!({"name": "a\u{9b}\u{202e}b", "role": "owner"})).await;
    assert_eq!(audit(&app, 0).await.pop().unwrap().target, "a\u{fffd}\u{fffd}b");
}
