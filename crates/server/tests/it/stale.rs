//! A node that has not read the store lately accepts no credentials.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{Request, header::RETRY_AFTER};
use jiff::SignedDuration;
use terra_auth_core::{
    Auth, Dependencies,
    admin::action::Admin,
    developer::{IssuedCredentials, NewDeveloper},
    node::{directory::Directory, freshness::MAX_DIRECTORY_AGE},
};
use terra_auth_model::{
    clock::SystemSteadyClock,
    store::{Engine, Job, Store},
    store_error::StoreError,
};
use terra_auth_store::Sqlite;
use terra_auth_testkit::{FixedClock, dependencies};
use terra_auth_types::{
    Environment,
    wire::admin::{CreateAdminToken, Role},
};
use tower::ServiceExt as _;

/// A store that can stop answering, as one behind a cut cable does.
struct Freezer {
    inner: Sqlite,
    frozen: Arc<AtomicBool>,
}

impl Freezer {
    async fn wait(&self) {
        while self.frozen.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl Engine for Freezer {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.wait().await;
        self.inner.write(job).await
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.wait().await;
        self.inner.read(job).await
    }
}

/// A node with a directory that may become stale, and keys of an environment.
async fn node(store: Store, directory: Directory) -> (Auth, Router, IssuedCredentials) {
    let auth = Auth::new(Dependencies { directory, ..dependencies(store) });
    let new = NewDeveloper {
        environment: Environment::Testing,
        name: "Acme".to_owned(),
        destination: None,
        bound_tokens_only: false,
    };
    let keys = auth.create_developer(&Admin::local("tests"), new).await.unwrap();
    (auth.clone(), terra_auth_server::router(auth), keys)
}

/// The status of an answer, and how many seconds later to try again.
async fn answer(router: &Router, request: http::request::Builder) -> (u16, Option<String>) {
    let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let retry_after = answer.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
    (answer.status().as_u16(), retry_after)
}

fn mint(keys: &IssuedCredentials) -> http::request::Builder {
    let request = Request::post("/v2/auth/tokens").header("dev-id", keys.dev_id.as_str());
    request.header("x-api-key", keys.api_key.expose())
}

#[tokio::test]
async fn credentials_are_refused_with_503_once_the_directory_is_too_old() {
    let clock = Arc::new(FixedClock::default());
    let store = Store::new(Sqlite::in_memory().unwrap());
    let (auth, router, keys) = node(store, Directory::with_age_limit(clock.clone())).await;
    let new = CreateAdminToken { name: "owner".to_owned(), role: Role::Owner, expires_in_days: None };
    let token = auth.create_admin_token(&Admin::local("tests"), &new).await.unwrap().token;
    let developer = auth.directory().developer(&keys.dev_id).unwrap();
    let mobile = auth.generate_auth_token(&developer, None).token;
    let streaming = || {
        let request = Request::post("/auth/developer").header("dev-id", keys.dev_id.as_str());
        request.header("x-api-key", keys.api_key.expose())
    };
    let administer = || {
        let request = Request::get("/api/v3/admin/environments");
        request.header("authorization", format!("Bearer {}", token.expose()))
    };
    let redeem = || {
        let path = "/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=phone";
        let request = Request::post(path).header("dev-id", keys.dev_id.as_str());
        request.header("authorization", format!("Bearer {}", mobile.expose()))
    };

    clock.advance(SignedDuration::try_from(MAX_DIRECTORY_AGE).unwrap());
    assert_eq!(answer(&router, mint(&keys)).await, (200, None));
    assert_eq!(answer(&router, administer()).await, (200, None));

    clock.advance(SignedDuration::from_millis(1));
    let later = (503, Some("1".to_owned()));
    for (name, request) in
        [("mint", mint(&keys)), ("administer", administer()), ("redeem", redeem()), ("streaming", streaming())]
    {
        assert_eq!(answer(&router, request).await, later, "{name}");
    }

    auth.reload_if_changed().await.unwrap();
    assert_eq!(answer(&router, mint(&keys)).await, (200, None));
    assert_eq!(answer(&router, administer()).await, (200, None));
}

/// The watcher looks again although its last look is never answered.
#[tokio::test]
async fn a_node_rejects_credentials_while_its_store_does_not_answer() {
    let frozen = Arc::new(AtomicBool::new(false));
    let store = Store::new(Freezer { inner: Sqlite::in_memory().unwrap(), frozen: Arc::clone(&frozen) });
    let (auth, router, keys) = node(store, Directory::with_age_limit(Arc::new(SystemSteadyClock))).await;
    let watching = tokio::spawn(async move { auth.watch_for_changes(std::future::pending()).await });
    let until = async |expected: u16| {
        let began = Instant::now();
        while answer(&router, mint(&keys)).await.0 != expected {
            assert!(began.elapsed() < Duration::from_secs(20), "it never answers {expected}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until(200).await;
    frozen.store(true, Ordering::Relaxed);
    until(503).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(answer(&router, mint(&keys)).await.0, 503);
    frozen.store(false, Ordering::Relaxed);
    until(200).await;
    watching.abort();
}
