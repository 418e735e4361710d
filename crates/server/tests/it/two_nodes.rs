//! Two servers on one database.

use std::time::{Duration, Instant};

use axum::{Router, body::Body};
use http::Request;
use serde_json::{Value, json};
use terra_auth_core::{
    Auth,
    admin::action::Admin,
    developer::{IssuedCredentials, NewDeveloper},
};
use terra_auth_testkit::Postgres;
use terra_auth_types::{
    Environment,
    wire::admin::{RetireKey, Role},
};
use tower::ServiceExt as _;

use crate::{provider_app, support::TestApp};

async fn status(router: &Router, keys: &IssuedCredentials) -> u16 {
    let request = Request::post("/v2/auth/tokens").header("dev-id", keys.dev_id.as_str());
    let request = request.header("x-api-key", keys.api_key.expose()).body(Body::empty()).unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}

/// How long until a node answers so.
async fn time_until(expected: u16, router: &Router, keys: &IssuedCredentials) -> Duration {
    let began = Instant::now();
    while status(router, keys).await != expected {
        assert!(began.elapsed() < Duration::from_secs(10), "it never answers {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_on_one_node_is_refused_on_the_other_within_a_second() {
    let database = Postgres::start().database();
    let node =
        async || -> Auth { terra_auth_testkit::auth(terra_auth_store::open(&database.url().into()).await.unwrap()) };
    let (one, other) = (node().await, node().await);
    let watching = tokio::spawn({
        let other = other.clone();
        async move { other.watch_for_changes(std::future::pending()).await }
    });
    let (admin, router) = (Admin::local("tests"), terra_auth_server::router(other));
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: None,
        bound_tokens_only: false,
    };
    let keys = one.create_developer(&admin, new).await.unwrap();
    let known = time_until(200, &router, &keys).await;

    let key_id = one.list_api_keys(&keys.dev_id).await.unwrap()[0].key_id;
    let at_once = RetireKey { now: true, ..RetireKey::default() };
    one.revoke_api_key(&admin, &keys.dev_id, key_id, at_once).await.unwrap();
    let refused = time_until(401, &router, &keys).await;
    watching.abort();
    assert!(known < Duration::from_secs(1) && refused < Duration::from_secs(1), "{known:?}, {refused:?}");
}

/// How long after a change a login at the other node begins that ends so.
async fn time_until_login(expected: &str, node: &TestApp) -> Duration {
    let changed = Instant::now();
    loop {
        let waited = changed.elapsed();
        if provider_app::outcome(node).await == expected {
            return waited;
        }
        assert!(waited < Duration::from_secs(10), "no login ever ends as {expected}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_changed_at_one_node_is_used_by_the_other_within_a_second() {
    let one = TestApp::start_on(Postgres::start().database()).await;
    let other = one.second_node().await;
    let watching = tokio::spawn({
        let auth = other.auth.clone();
        async move { auth.watch_for_changes(std::future::pending()).await }
    });
    let path = format!("/environments/{}/provider-apps/OURA", one.keys.dev_id);
    let (rotate, token) = (format!("{path}/rotate"), one.token(Role::Operator).await);
    let secret = |secret: &str| json!({"client_secret": secret, "now": true});
    let (right, wrong) = ("not-a-secret", "another-value-not-a-secret");
    assert_eq!(provider_app::outcome(&other).await, "connected", "as the server's own app");
    for (method, path, body, expected) in [
        ("PUT", &path, json!({"client_id": "tests", "client_secret": wrong}), "app_refused"),
        ("POST", &rotate, secret(right), "connected"),
        ("POST", &rotate, secret(wrong), "app_refused"),
        ("DELETE", &path, Value::Null, "connected"),
    ] {
        assert!(one.admin(&token, method, path, body).await.status.is_success(), "{method} {path}");
        let known = time_until_login(expected, &other).await;
        assert!(known < Duration::from_secs(1), "{method} {path}: after {known:?}");
    }
    watching.abort();
}
