//! Keys that replace each other while both work, and keys that end at once.

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth_core::api_key::looks_like_api_key;
use terra_auth_types::wire::admin::Role;

use crate::support::TestApp;

const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

struct Keys {
    app: TestApp,
    operator: String,
    path: String,
}

impl Keys {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let (operator, path) = (app.token(Role::Operator).await, format!("/environments/{}/keys", app.keys.dev_id));
        Self { app, operator, path }
    }

    async fn create(&self, body: Value) -> (String, String) {
        let answer = self.app.admin(&self.operator, "POST", &self.path, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        key_of(&answer.json())
    }

    async fn rotate(&self, key_id: &str, body: Value) -> Value {
        let answer = self.app.admin(&self.operator, "POST", &format!("{}/{key_id}/rotate", self.path), body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    async fn end(&self, key_id: &str, query: &str) -> crate::support::Answer {
        self.app.admin(&self.operator, "DELETE", &format!("{}/{key_id}{query}", self.path), Value::Null).await
    }

    async fn list(&self) -> Value {
        self.app.admin(&self.operator, "GET", &self.path, Value::Null).await.json()["keys"].clone()
    }

    /// Whether a key is taken. This uses it.
    async fn works(&self, key: &str) -> bool {
        let status = self.app.call(key, "POST", "/v2/auth/tokens").await.status.as_u16();
        assert!(status == 200 || status == 401, "{status}");
        status == 200
    }
}

/// A key and its id.
fn key_of(issued: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&issued["api_key"]), text(&issued["key"]["key_id"]))
}

#[tokio::test]
async fn a_new_key_is_shown_once_and_the_first_stays_valid() {
    let keys = Keys::start().await;
    let (key, key_id) = keys.create(json!({"name": "worker"})).await;
    assert!(key.starts_with("ta_testing_") && looks_like_api_key(&key), "{key}");
    assert!(keys.works(&key).await && keys.works(keys.app.keys.api_key.expose()).await);

    let listed = keys.list().await;
    assert!(!listed.to_string().contains(&key));
    assert_eq!((&listed[1]["key_id"], &listed[1]["name"]), (&json!(key_id), &json!("worker")));
    assert_eq!(listed[1]["hint"], key[key.len() - 4..]);
    assert_eq!(listed[1]["expires_at"], Value::Null);
    let all = json!(["auth:write", "connections:read", "connections:write", "providers:read", "webhooks:write"]);
    assert_eq!(listed[1]["scopes"], all);
}

#[tokio::test]
async fn a_replaced_key_is_valid_until_the_overlap_ends() {
    for (how, hours) in [(Value::Null, 24), (json!({"overlap_s": 7200}), 2)] {
        let keys = Keys::start().await;
        let (old, key_id) = keys.create(json!({"name": "worker", "scopes": ["auth:write"]})).await;
        let issued = keys.rotate(&key_id, how).await;
        let (new, _) = key_of(&issued);
        assert_eq!((&issued["key"]["name"], &issued["key"]["scopes"]), (&json!("worker"), &json!(["auth:write"])));
        assert_eq!(issued["retiring"][0]["key_id"], key_id);

        keys.app.clock.advance(SignedDuration::from_hours(hours) - MILLISECOND);
        assert_eq!((keys.works(&old).await, keys.works(&new).await), (true, true), "{hours} h");
        keys.app.clock.advance(MILLISECOND);
        assert_eq!((keys.works(&old).await, keys.works(&new).await), (false, true), "{hours} h");
    }
}

#[tokio::test]
async fn a_leaked_key_is_revoked_at_once() {
    let keys = Keys::start().await;
    let (old, key_id) = keys.create(json!({"name": "worker"})).await;
    assert!(keys.works(&old).await);
    let (new, new_id) = key_of(&keys.rotate(&key_id, json!({"now": true})).await);
    assert_eq!((keys.works(&old).await, keys.works(&new).await), (false, true));
    assert_eq!(keys.end(&new_id, "?now=true").await.status, 200);
    assert!(!keys.works(&new).await);
    assert_eq!(keys.end(&new_id, "?now=true").await.refusal().0, 404);
}

#[tokio::test]
async fn an_overlap_does_not_extend_the_lifetime_of_a_key() {
    let keys = Keys::start().await;
    let (old, key_id) = keys.create(json!({"name": "worker", "expires_in_days": 1})).await;
    let issued = keys.rotate(&key_id, json!({"overlap_s": 172_800})).await;
    assert_eq!(issued["retiring"][0]["expires_at"], "2030-01-02T00:00:00Z");
    keys.app.clock.advance(SignedDuration::from_hours(24));
    assert!(!keys.works(&old).await);
}

#[tokio::test]
async fn a_key_in_use_is_not_revoked_by_mistake() {
    for query in ["", "?force=true", "?now=true", "?now=1&overlap_s=60"] {
        let keys = Keys::start().await;
        let (key, key_id) = keys.create(json!({"name": "worker"})).await;
        assert!(keys.works(&key).await);
        keys.app.clock.advance(SignedDuration::from_mins(5) - MILLISECOND);
        let (status, code, detail) = keys.end(&key_id, "").await.refusal();
        assert_eq!((status, &*code), (409, "recently_used"));
        assert!(detail.starts_with("the key was last used at 2030-01-01T00:00:00Z; "), "{detail}");
        if query.is_empty() {
            keys.app.clock.advance(MILLISECOND);
        }
        assert_eq!(keys.end(&key_id, query).await.status, 200, "{query}");
        assert!(!keys.works(&key).await);
    }
}

#[tokio::test]
async fn a_key_can_be_given_time_to_end() {
    let keys = Keys::start().await;
    let (key, key_id) = keys.create(json!({"name": "worker"})).await;
    let ended = keys.end(&key_id, "?overlap_s=60").await;
    assert_eq!(ended.json()["expires_at"], "2030-01-01T00:01:00Z");
    keys.app.clock.advance(SignedDuration::from_secs(60) - MILLISECOND);
    assert!(keys.works(&key).await);
    keys.app.clock.advance(MILLISECOND);
    assert!(!keys.works(&key).await);
}

#[tokio::test]
async fn the_last_use_is_stored_to_the_minute() {
    let keys = Keys::start().await;
    let (key, _) = keys.create(json!({"name": "worker"})).await;
    assert_eq!(keys.list().await[1]["last_used_at"], Value::Null);
    for (wait_s, shown) in [(30, "2030-01-01T00:00:30Z"), (59, "2030-01-01T00:00:30Z"), (1, "2030-01-01T00:01:30Z")] {
        keys.app.clock.advance(SignedDuration::from_secs(wait_s));
        assert!(keys.works(&key).await);
        assert_eq!(keys.list().await[1]["last_used_at"], shown);
    }
    keys.app.auth.record_key_use().await.unwrap();
    let restarted = keys.app.restarted().await;
    let listed = restarted.list_api_keys(&keys.app.keys.dev_id).await.unwrap();
    assert_eq!(listed[1].last_used_at.unwrap().to_string(), "2030-01-01T00:01:30Z");
}

#[tokio::test]
async fn an_environment_has_at_most_a_hundred_keys_that_work() {
    let keys = Keys::start().await;
    let (_, key_id) = keys.create(json!({"name": "1"})).await;
    for number in 2..100 {
        keys.create(json!({"name": number.to_string()})).await;
    }
    let create = || keys.app.admin(&keys.operator, "POST", &keys.path, json!({"name": "one too many"}));
    let (status, code, _) = create().await.refusal();
    assert_eq!((status, &*code), (409, "token_limit_reached"));
    assert_eq!(keys.end(&key_id, "").await.status, 200);
    assert_eq!(create().await.status, 201);
}

#[tokio::test]
async fn a_key_that_is_revoked_at_once_is_refused_by_a_clock_that_is_behind() {
    let keys = Keys::start().await;
    keys.app.clock.advance(SignedDuration::from_mins(10));
    let (key, key_id) = keys.create(json!({"name": "leaked"})).await;
    keys.app.clock.advance(SignedDuration::from_mins(10));
    assert!(keys.works(&key).await);
    assert_eq!(keys.end(&key_id, "?now=true").await.status, 200);
    keys.app.clock.advance(SignedDuration::from_mins(-10));
    assert!(!keys.works(&key).await);
}
