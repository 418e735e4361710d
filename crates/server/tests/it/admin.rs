//! Who may administer, and who may not.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_types::wire::admin::Role;

use crate::support::{Answer, TestApp};

const NO_USER: &str = "00000000-0000-4000-8000-000000000000";

/// Every call: method, path, body, and the least role that may make it.
fn calls() -> Vec<(&'static str, &'static str, Value, Role)> {
    use Role::{Operator, Owner, ReadOnly};
    vec![
        ("GET", "/environments", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/connections", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/connections/{user_id}", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/contents", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/keys", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/revocations", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/destinations", Value::Null, ReadOnly),
        ("POST", "/environments/{dev_id}/destinations", json!({"url": "https://app.example/hooks"}), Operator),
        ("PATCH", "/environments/{dev_id}/destinations/{destination_id}", json!({"enabled": false}), Operator),
        ("DELETE", "/environments/{dev_id}/destinations/{destination_id}", Value::Null, Operator),
        ("GET", "/environments/{dev_id}/deliveries", Value::Null, ReadOnly),
        ("GET", "/environments/{dev_id}/events/{event_id}", Value::Null, ReadOnly),
        ("POST", "/environments/{dev_id}/events", triggered(), Operator),
        ("POST", "/environments/{dev_id}/deliveries/replay", json!({"dry_run": true}), Operator),
        ("GET", "/audit", Value::Null, ReadOnly),
        ("GET", "/audit/verify", Value::Null, ReadOnly),
        ("PATCH", "/environments/{dev_id}", json!({"name": "Renamed"}), Operator),
        ("POST", "/environments/{dev_id}/connections/import", json!({"connections": []}), Operator),
        ("POST", "/environments/{dev_id}/keys", json!({"name": "another"}), Operator),
        ("POST", "/environments/{dev_id}/keys/{key_id}/rotate", Value::Null, Operator),
        ("DELETE", "/environments/{dev_id}/keys/{key_id}", Value::Null, Operator),
        ("POST", "/environments/{dev_id}/migration/invitations", invitation(), Operator),
        ("GET", "/environments/{dev_id}/provider-apps", Value::Null, ReadOnly),
        (
            "PUT",
            "/environments/{dev_id}/provider-apps/{provider}",
            json!({"client_id": "x", "client_secret": "y"}),
            Operator,
        ),
        ("POST", "/environments/{dev_id}/provider-apps/{provider}/rotate", json!({"client_secret": "y"}), Operator),
        ("POST", "/environments/{dev_id}/provider-apps/{provider}/check", Value::Null, Operator),
        ("DELETE", "/environments/{dev_id}/provider-apps/{provider}", Value::Null, Operator),
        ("POST", "/environments/{dev_id}/signing-secret/rotate", json!({}), Operator),
        ("GET", "/vault", Value::Null, ReadOnly),
        ("GET", "/vault/rotation", Value::Null, ReadOnly),
        ("POST", "/vault/rotation", Value::Null, Owner),
        ("POST", "/vault/master-key/rotate", Value::Null, Owner),
        ("POST", "/environments/{dev_id}/connections/{user_id}/access-token", Value::Null, Operator),
        ("POST", "/environments", json!({"environment": "staging", "name": "Acme"}), Owner),
        ("DELETE", "/environments/{dev_id}", Value::Null, Owner),
        ("GET", "/tokens", Value::Null, Owner),
        ("POST", "/tokens", json!({"name": "Alex", "role": "read-only"}), Owner),
        ("DELETE", "/tokens/{token_id}", Value::Null, Owner),
    ]
}

fn triggered() -> Value {
    json!({"payload": {"type": "auth_cancelled", "status": "error", "reason": "access_denied"}})
}

fn invitation() -> Value {
    json!({"from": "FITBIT", "to": "GOOGLE", "reference_ids": []})
}

async fn call(app: &TestApp, token: &str, (method, path, body, _): &(&str, &str, Value, Role)) -> Answer {
    let path = path.replace("{dev_id}", app.keys.dev_id.as_str());
    let path = path
        .replace("{key_id}", NO_USER)
        .replace("{token_id}", NO_USER)
        .replace("{user_id}", NO_USER)
        .replace("{event_id}", NO_USER)
        .replace("{destination_id}", NO_USER)
        .replace("{provider}", "OURA");
    let answer = app.admin(token, method, &path, body.clone()).await;
    assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
    answer
}

#[test]
fn every_documented_admin_call_is_tried_here() {
    let document = serde_json::to_value(terra_auth_server::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let admin = paths.filter_map(|(path, item)| Some((path.strip_prefix("/api/v3/admin")?, item.as_object()?)));
    let documented: BTreeSet<_> = admin
        .flat_map(|(path, item)| item.keys().map(move |method| (method.to_uppercase(), path.to_owned())))
        .collect();
    let tried = calls().into_iter().map(|(method, path, ..)| (method.to_owned(), path.to_owned()));
    assert_eq!(documented, tried.collect());
}

#[tokio::test]
async fn every_call_needs_its_role() {
    let app = TestApp::start().await;
    for has in [Role::ReadOnly, Role::Operator, Role::Owner] {
        let token = app.token(has).await;
        for it in calls() {
            let answer = call(&app, &token, &it).await;
            let (method, path, _, needs) = it;
            if has >= needs {
                assert!(![401, 403, 500].contains(&answer.status.as_u16()), "{method} {path}: {answer:?}");
            } else {
                let detail = format!("this needs the role {}, and your token is {}", needs.as_str(), has.as_str());
                assert_eq!(answer.refusal(), (403, "role_missing".to_owned(), detail), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_operation_rejects_a_missing_wrong_expired_or_revoked_token() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    let revoked = app.admin(&owner, "POST", "/tokens", json!({"name": "gone", "role": "owner"})).await.json();
    let path = format!("/tokens/{}", revoked["info"]["token_id"].as_str().unwrap());
    assert_eq!(app.admin(&owner, "DELETE", &path, Value::Null).await.status, 204);
    let expired = app.admin(&owner, "POST", "/tokens", json!({"name": "old", "role": "owner", "expires_in_days": 1}));
    let expired = expired.await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(app.admin(&expired, "GET", "/tokens", Value::Null).await.status, 200);
    app.clock.advance(SignedDuration::from_hours(24));
    for token in ["", "wrong", app.keys.api_key.expose(), revoked["token"].as_str().unwrap(), &expired] {
        for it in calls() {
            let answer = call(&app, token, &it).await;
            let (status, code, _) = answer.refusal();
            assert_eq!((status, &*code), (401, "unauthorized"), "{it:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(app.admin(&owner, "GET", "/tokens", Value::Null).await.status, 200);
}

#[tokio::test]
async fn an_admin_token_is_no_api_key() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    assert_eq!(app.call(&owner, "GET", "/v2/subscriptions").await.problem().0, 401);
}

#[tokio::test]
async fn an_owner_creates_named_tokens_and_the_last_owner_cannot_be_revoked() {
    let app = TestApp::start().await;
    let bootstrap = app.auth.bootstrap_admin().await.unwrap().unwrap().token;
    assert!(app.auth.bootstrap_admin().await.unwrap().is_none());
    let made = app.admin(bootstrap.expose(), "POST", "/tokens", json!({"name": "Alex", "role": "operator"})).await;
    assert_eq!(made.status, 201);
    let info = &made.json()["info"];
    assert_eq!((&info["name"], &info["role"]), (&json!("Alex"), &json!("operator")));
    assert_eq!(info["expires_at"], "2030-01-31T00:00:00Z");

    let listed = app.admin(bootstrap.expose(), "GET", "/tokens", Value::Null).await;
    assert!(!listed.text.contains(bootstrap.expose()) && !listed.text.contains(made.json()["token"].as_str().unwrap()));
    let tokens = listed.json()["tokens"].clone();
    let names: Vec<_> = tokens.as_array().unwrap().iter().map(|token| token["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bootstrap", "Alex"]);
    let last = format!("/tokens/{}", tokens[0]["token_id"].as_str().unwrap());
    let refused = app.admin(bootstrap.expose(), "DELETE", &last, Value::Null).await.refusal();
    assert_eq!((refused.0, &*refused.1), (409, "refused"));
}

#[tokio::test]
async fn a_start_creates_an_owner_after_the_last_one_expired() {
    let app = TestApp::start().await;
    app.token(Role::Owner).await;
    app.clock.advance(SignedDuration::from_hours(240) - SignedDuration::from_millis(1));
    assert!(app.auth.bootstrap_admin().await.unwrap().is_none());
    app.clock.advance(SignedDuration::from_millis(1));
    assert!(app.auth.bootstrap_admin().await.unwrap().is_some());
}

#[tokio::test]
async fn malformed_admin_requests_are_rejected_with_the_reason() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    let dev_id = &app.keys.dev_id;
    for (method, path, body) in [
        ("POST", "/environments".to_owned(), json!({"environment": "holiday", "name": "Acme"})),
        ("POST", "/environments".to_owned(), json!({"environment": "testing", "name": ""})),
        ("POST", "/environments".to_owned(), json!({"environment": "testing", "name": "a", "extra": 1})),
        ("PATCH", format!("/environments/{dev_id}"), json!({"accent": "red"})),
        ("PATCH", format!("/environments/{dev_id}"), json!({"destination": "http://acme.example/hook"})),
        ("PATCH", format!("/environments/{dev_id}"), json!({"providers": ["NO_USER"]})),
        ("PATCH", format!("/environments/{dev_id}"), json!({"dev_id": "mine"})),
        ("DELETE", format!("/environments/{dev_id}?users=many"), Value::Null),
        ("POST", format!("/environments/{dev_id}/keys"), json!({"name": ""})),
        ("POST", format!("/environments/{dev_id}/keys"), json!({"name": "a\nb"})),
        ("POST", format!("/environments/{dev_id}/keys"), json!({"name": "a", "scopes": ["data:read"]})),
        ("POST", format!("/environments/{dev_id}/keys"), json!({"name": "a", "expires_in_days": 0})),
        ("POST", format!("/environments/{dev_id}/keys"), json!({"name": "a", "expires_in_days": 1826})),
        ("DELETE", format!("/environments/{dev_id}/keys/{NO_USER}?now=perhaps"), Value::Null),
        ("POST", format!("/environments/{dev_id}/signing-secret/rotate"), json!({"sign_with": "neither"})),
        ("POST", "/tokens".to_owned(), json!({"name": "a", "role": "king"})),
        ("POST", "/tokens".to_owned(), json!({"name": "a", "role": "owner", "expires_in_days": 366})),
        ("GET", "/audit?after=-1".to_owned(), Value::Null),
    ] {
        let (status, code, _) = app.admin(&owner, method, &path, body).await.refusal();
        assert_eq!((status, &*code), (400, "validation_failed"), "{method} {path}");
    }
}

#[tokio::test]
async fn an_unknown_environment_is_404() {
    let app = TestApp::start().await;
    let owner = app.token(Role::Owner).await;
    for (method, path) in [
        ("GET", "/environments/nobody"),
        ("GET", "/environments/nobody/contents"),
        ("GET", "/environments/nobody/keys"),
        ("PATCH", "/environments/nobody"),
        ("DELETE", "/environments/nobody"),
        ("POST", "/environments/nobody/signing-secret/rotate"),
        ("POST", &format!("/environments/nobody/keys/{NO_USER}/rotate")),
        ("DELETE", &format!("/environments/nobody/keys/{NO_USER}")),
    ] {
        let body = if method == "PATCH" { json!({}) } else { Value::Null };
        let (status, code, detail) = app.admin(&owner, method, path, body).await.refusal();
        assert_eq!((status, &*code, &*detail), (404, "dev_id_not_found", "no such environment"), "{method} {path}");
    }
    let keys = format!("/environments/{}/keys", app.keys.dev_id);
    for path in
        [format!("{keys}/{NO_USER}"), format!("{keys}/none"), format!("/tokens/{NO_USER}"), "/tokens/1".to_owned()]
    {
        let (status, code, _) = app.admin(&owner, "DELETE", &path, Value::Null).await.refusal();
        assert_eq!((status, &*code), (404, "not_found"), "{path}");
    }
}
