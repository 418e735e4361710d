//! Two servers on one database.

use std::time::{Duration, Instant};

use axum::{Router, body::Body};
use http::Request;
use terra_auth_core::{
    Auth,
    admin::Admin,
    developer::{IssuedCredentials, NewDeveloper},
};
use terra_auth_testkit::{Postgres, bench};
use terra_auth_types::{Environment, wire::admin::RetireKey};
use tower::ServiceExt as _;

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
    let node = async || -> Auth { bench::auth(terra_auth_store::open(&database.url().into()).await.unwrap()) };
    let (one, other) = (node().await, node().await);
    let watching = tokio::spawn({
        let other = other.clone();
        async move { other.watch(std::future::pending()).await }
    });
    let (admin, router) = (Admin::local("tests"), terra_auth_server::router(other));
    let new = NewDeveloper { environment: Environment::Testing, name: "Acme".to_owned(), destination: None };
    let keys = one.create_developer(&admin, new).await.unwrap();
    let known = time_until(200, &router, &keys).await;

    let key_id = one.list_api_keys(&keys.dev_id).await.unwrap()[0].key_id;
    let at_once = RetireKey { now: true, ..RetireKey::default() };
    one.revoke_api_key(&admin, &keys.dev_id, key_id, at_once).await.unwrap();
    let refused = time_until(401, &router, &keys).await;
    watching.abort();
    assert!(known < Duration::from_secs(1) && refused < Duration::from_secs(1), "{known:?}, {refused:?}");
}
