use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use terra_auth::{
    DevId, Environment, KeyId, Scope, Scopes,
    admin::{AdminClient, AdminError, is_hosted_server},
    wire::admin::{
        ChangeEnvironment, CreateAdminToken, CreateEnvironment, CreateKey, EnvironmentContents, RetireKey, Role,
        RotateSigningSecret, SignWith,
    },
};

use crate::peer::{ADMIN_TOKEN, Peer, answer, json as ok, unreachable_address};

const ID: &str = "00000000-0000-4000-8000-000000000001";
const ENVIRONMENT: &str = "/api/v3/admin/environments/acme-testing-0000000000";

fn dev_id() -> DevId {
    "acme-testing-0000000000".parse().unwrap()
}

fn key_id() -> KeyId {
    ID.parse().unwrap()
}

fn key() -> Value {
    json!({"key_id": ID, "name": "first key", "hint": "0000", "scopes": ["auth:write"],
        "created_at": "2030-01-01T00:00:00Z", "expires_at": null, "last_used_at": "2030-01-02T00:00:00Z"})
}

fn issued() -> Value {
    json!({"dev_id": dev_id(), "api_key": "test-key-not-a-secret", "key": key(), "retiring": [key()]})
}

fn environment() -> Value {
    json!({"dev_id": dev_id(), "environment": "testing", "active": true, "users": 3, "name": "Acme", "logo_url": null,
        "accent": null, "user_limit": 50, "providers": null, "redirect_allow_list": [], "destination": null, "keep_user_id": false,
        "created_at": "2030-01-01T00:00:00Z"})
}

/// The requests that were sent, as `METHOD path body`.
fn sent(peer: &Peer) -> Vec<String> {
    peer.seen().iter().map(|seen| format!("{} {}", seen.line, seen.body).trim_end().to_owned()).collect()
}

async fn says(body: Value) -> Peer {
    Peer::start(move |_, _| ok(&body)).await
}

#[tokio::test]
async fn a_connection_is_shown_with_its_refreshes() {
    let refresh = json!({"state": "failing", "since": "2030-01-02T00:00:00Z", "failures": 2,
        "last_error": {"class": "not_reached", "at": "2030-01-02T00:01:00Z"}, "refreshed_at": null,
        "next_at": "2030-01-02T00:02:00Z"});
    let body = json!({"user_id": ID, "provider": "OURA", "reference_id": "alice", "active": false,
        "created_at": "2030-01-01T00:00:00Z", "refresh": refresh});
    let peer = says(body.clone()).await;
    let connection = peer.admin().connection(&dev_id(), ID.parse().unwrap()).await.unwrap();
    assert_eq!(serde_json::to_value(connection).unwrap(), body);
    assert_eq!(sent(&peer), [format!("GET {ENVIRONMENT}/connections/{ID}")]);
}

#[tokio::test]
async fn a_call_sends_the_token_and_no_other_key() {
    let peer = says(json!({"keys": [key()]})).await;
    let keys = peer.admin().list_api_keys(&dev_id()).await.unwrap();
    assert_eq!((keys[0].key_id, keys[0].scopes), (key_id(), Scopes::from_iter([Scope::AuthWrite])));
    let seen = &peer.seen()[0];
    assert_eq!(seen.line, format!("GET {ENVIRONMENT}/keys"));
    assert_eq!(seen.headers["authorization"], format!("Bearer {ADMIN_TOKEN}"));
    assert!(!seen.headers.contains_key("x-api-key") && !seen.headers.contains_key("dev-id"));
}

#[tokio::test]
async fn keys_are_created_rotated_and_revoked() {
    let peer = Peer::start(|seen, _| ok(&if seen.line.starts_with("DELETE") { key() } else { issued() })).await;
    let (admin, dev_id) = (peer.admin(), dev_id());
    let scopes = Some(Scopes::from_iter([Scope::ConnectionsRead]));
    let new = CreateKey { name: "reports".to_owned(), scopes, expires_in_days: Some(90) };
    let created = admin.create_api_key(&dev_id, &new).await.unwrap();
    assert_eq!((created.api_key.expose(), created.retiring[0].hint.as_str()), ("test-key-not-a-secret", "0000"));
    let how = RetireKey { overlap_s: Some(60), ..RetireKey::default() };
    admin.rotate_api_key(&dev_id, key_id(), how).await.unwrap();
    admin.revoke_api_key(&dev_id, key_id(), how).await.unwrap();
    admin.revoke_api_key(&dev_id, key_id(), RetireKey { now: true, ..RetireKey::default() }).await.unwrap();
    let expected = [
        format!(r#"POST {ENVIRONMENT}/keys {{"name":"reports","scopes":["connections:read"],"expires_in_days":90}}"#),
        format!(r#"POST {ENVIRONMENT}/keys/{ID}/rotate {{"overlap_s":60,"now":false,"force":false}}"#),
        format!("DELETE {ENVIRONMENT}/keys/{ID}?now=false&force=false&overlap_s=60"),
        format!("DELETE {ENVIRONMENT}/keys/{ID}?now=true&force=false"),
    ];
    assert_eq!(sent(&peer), expected);
}

#[tokio::test]
async fn a_signing_secret_is_rotated() {
    let peer = says(json!({"dev_id": dev_id(), "signing_secret": "signing-not-a-secret", "old_until": null})).await;
    let how = RotateSigningSecret { overlap_s: None, now: false, sign_with: SignWith::Both };
    let rotated = peer.admin().rotate_signing_secret(&dev_id(), how).await.unwrap();
    assert_eq!((rotated.signing_secret.expose(), rotated.old_until), ("signing-not-a-secret", None));
    let body = r#"{"overlap_s":null,"now":false,"sign_with":"both"}"#;
    assert_eq!(sent(&peer), [format!("POST {ENVIRONMENT}/signing-secret/rotate {body}")]);
}

#[tokio::test]
async fn environments_are_listed_created_changed_and_deleted() {
    let peer = Peer::start(|seen, _| match seen.line.split_once(' ').unwrap() {
        ("GET", path) if path.ends_with("/contents") => {
            ok(&json!({"users": 3, "api_keys": 1, "waiting_deliveries": 0}))
        }
        ("GET", path) if path.ends_with("/environments") => ok(&json!({"environments": [environment()]})),
        ("POST", _) => ok(&json!({"dev_id": dev_id(), "api_key": "k", "signing_secret": "s"})),
        ("DELETE", _) => answer(204, ""),
        _ => ok(&environment()),
    });
    let (peer, dev_id) = (peer.await, dev_id());
    let admin = peer.admin();
    assert_eq!(admin.list_environments().await.unwrap()[0].users, 3);
    let new =
        CreateEnvironment { environment: Environment::Testing, name: "Acme".to_owned(), bound_tokens_only: false };
    assert_eq!(admin.create_environment(&new).await.unwrap().dev_id, dev_id);
    assert_eq!(admin.environment(&dev_id).await.unwrap().settings.user_limit, Some(50));
    let change = ChangeEnvironment { active: Some(false), accent: Some(None), ..ChangeEnvironment::default() };
    admin.change_environment(&dev_id, &change).await.unwrap();
    let contents = admin.environment_contents(&dev_id).await.unwrap();
    assert_eq!(contents, EnvironmentContents { users: 3, api_keys: 1, waiting_deliveries: 0 });
    admin.delete_environment(&dev_id, contents).await.unwrap();
    let expected = [
        "GET /api/v3/admin/environments".to_owned(),
        r#"POST /api/v3/admin/environments {"environment":"testing","name":"Acme"}"#.to_owned(),
        format!("GET {ENVIRONMENT}"),
        format!(r#"PATCH {ENVIRONMENT} {{"accent":null,"active":false}}"#),
        format!("GET {ENVIRONMENT}/contents"),
        format!("DELETE {ENVIRONMENT}?users=3&api_keys=1&waiting_deliveries=0"),
    ];
    assert_eq!(sent(&peer), expected);
}

#[tokio::test]
async fn admin_tokens_are_listed_created_and_revoked() {
    let info = json!({"token_id": ID, "name": "alice", "role": "read-only", "created_at": "2030-01-01T00:00:00Z",
        "expires_at": "2030-01-31T00:00:00Z"});
    let peer = Peer::start(move |seen, _| match seen.line.split_once(' ').unwrap().0 {
        "GET" => ok(&json!({"tokens": [info]})),
        "POST" => ok(&json!({"token": "admin-token-not-a-secret", "info": info})),
        _ => ok(&json!({"status": "success"})),
    });
    let peer = peer.await;
    let admin = peer.admin();
    let tokens = admin.list_admin_tokens().await.unwrap();
    assert_eq!((tokens[0].name.as_str(), tokens[0].role), ("alice", Role::ReadOnly));
    let new = CreateAdminToken { name: "alice".to_owned(), role: Role::ReadOnly, expires_in_days: None };
    assert_eq!(admin.create_admin_token(&new).await.unwrap().token.expose(), "admin-token-not-a-secret");
    admin.revoke_admin_token(tokens[0].token_id).await.unwrap();
    let expected = [
        "GET /api/v3/admin/tokens".to_owned(),
        r#"POST /api/v3/admin/tokens {"name":"alice","role":"read-only","expires_in_days":null}"#.to_owned(),
        format!("DELETE /api/v3/admin/tokens/{ID}"),
    ];
    assert_eq!(sent(&peer), expected);
}

fn entry(seq: u64) -> Value {
    json!({"seq": seq, "at": "2030-01-01T00:00:00Z", "actor": "alice", "origin": "127.0.0.1", "action": "api_key.rotate",
        "dev_id": dev_id(), "target": ID, "allowed": true, "mac": "00"})
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page() {
    let peer = Peer::start(|_, nth| match nth {
        0 => ok(&json!({"entries": [entry(8), entry(9)], "next": 9})),
        _ => ok(&json!({"entries": [entry(10)], "next": null})),
    });
    let peer = peer.await;
    let entries: Vec<_> = peer.admin().audit(7).try_collect().await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [8, 9, 10]);
    assert_eq!(sent(&peer), ["GET /api/v3/admin/audit?after=7&limit=500", "GET /api/v3/admin/audit?after=9&limit=500"]);
}

#[tokio::test]
async fn an_audit_log_without_an_end_is_an_error() {
    for page in [json!({"entries": [entry(1)], "next": 0}), json!({"entries": [], "next": 9})] {
        let peer = says(page).await;
        let error = peer.admin().audit(0).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("the pages of the log do not end"), "{error}");
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_broken_audit_log_is_reported() {
    let peer = says(json!({"intact": false, "entries": 41, "broken_at": 42})).await;
    let verdict = peer.admin().verify_audit().await.unwrap();
    assert_eq!((verdict.intact, verdict.broken_at), (false, Some(42)));
    assert_eq!(sent(&peer), ["GET /api/v3/admin/audit/verify"]);
}

#[tokio::test]
async fn the_hosted_api_replaces_its_only_key() {
    let peer = says(json!({"dev_id": dev_id(), "api_key": "test-key-not-a-secret"})).await;
    let rotated = peer.admin().rotate_hosted_api_key(&dev_id()).await.unwrap();
    assert_eq!((rotated.dev_id, rotated.api_key.expose()), (dev_id(), "test-key-not-a-secret"));
    assert_eq!(sent(&peer), [format!("POST {ENVIRONMENT}/api-key/rotate")]);
}

#[tokio::test]
async fn a_dev_id_is_one_segment_of_the_path() {
    let peer = says(environment()).await;
    peer.admin().environment(&"a/../b?c#d%e".parse().unwrap()).await.unwrap();
    assert_eq!(sent(&peer), ["GET /api/v3/admin/environments/a%2F..%2Fb%3Fc%23d%25e"]);
}

#[tokio::test]
async fn each_status_has_its_own_error() {
    let kind = |error: &AdminError| match error {
        AdminError::NotAuthenticated(_) => "not authenticated",
        AdminError::Forbidden(_) => "forbidden",
        AdminError::NotFound(_) => "not found",
        AdminError::Conflict(_) => "conflict",
        AdminError::Call(_) => "call",
        AdminError::InvalidToken | AdminError::InvalidAddress(_) => "nothing sent",
    };
    for (status, expected) in [
        (401, "not authenticated"),
        (403, "forbidden"),
        (404, "not found"),
        (409, "conflict"),
        (400, "call"),
        (500, "call"),
        (302, "call"),
    ] {
        let peer = Peer::always(status, r#"{"detail":"no","code":"why"}"#).await;
        let error = peer.admin().revoke_api_key(&dev_id(), key_id(), RetireKey::default()).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{status}");
        let code = error.api_problem().and_then(|refusal| refusal.code.as_deref());
        assert_eq!(code, (status != 302).then_some("why"));
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn only_calls_that_read_are_retried() {
    let peer = Peer::always(503, "{}").await;
    peer.admin().list_environments().await.unwrap_err();
    assert_eq!(peer.seen().len(), 3);
    peer.admin().create_api_key(&dev_id(), &CreateKey::default()).await.unwrap_err();
    peer.admin().change_environment(&dev_id(), &ChangeEnvironment::default()).await.unwrap_err();
    assert_eq!(peer.seen().len(), 5);
}

#[tokio::test]
async fn a_token_is_not_sent_to_an_unsafe_url() {
    let (_socket, free) = unreachable_address();
    let new = |server: &str, token: &str| AdminClient::new(&server.parse().unwrap(), &token.into());
    assert!(new(&format!("http://{free}"), ADMIN_TOKEN).is_ok());
    assert!(matches!(new("http://terra.example.com", ADMIN_TOKEN), Err(AdminError::InvalidAddress(_))));
    for token in ["", "two words", "line\nbreak"] {
        assert!(matches!(new("https://terra.example.com", token), Err(AdminError::InvalidToken)), "{token:?}");
    }
}

#[test]
fn hosted_servers_are_recognized() {
    for (server, expected) in [
        ("https://api.tryterra.co/v2", true),
        ("https://access.tryterra.co", true),
        ("https://tryterra.co.example.com", false),
        ("http://127.0.0.1:8787/v2", false),
    ] {
        assert_eq!(is_hosted_server(&server.parse().unwrap()), expected, "{server}");
    }
    let hosted = AdminClient::new(&"https://api.tryterra.co/v2".parse().unwrap(), &ADMIN_TOKEN.into()).unwrap();
    assert_eq!(format!("{hosted:?}"), r#"AdminClient { base: "https://access.tryterra.co/api/v3/admin", .. }"#);
}
