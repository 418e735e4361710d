//! Several nodes of one PostgreSQL: one stops in the middle of a login, all start at once, all connect users at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::body::Body;
use futures_util::future::join_all;
use http::Request;
use terra_auth_core::{admin::action::Admin, developer::NewDeveloper};
use terra_auth_model::{
    connection::Connection,
    lock::Lock,
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_testkit::{Fixtures, Postgres};
use terra_auth_types::{Environment, wire::admin::ChangeEnvironment};
use tokio::{sync::Notify, time::timeout};

use crate::support::TestApp;

/// The status of a redemption by a new device of an end user.
async fn connect(app: &TestApp, reference_id: &str) -> u16 {
    let token = app.post_nothing("/v2/auth/tokens").await.json()["token"].as_str().unwrap().to_owned();
    let path = format!(
        "/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier=phone&reference_id={reference_id}"
    );
    let request = Request::post(path).header("dev-id", app.keys.dev_id.as_str());
    let request = request.header("authorization", format!("Bearer {token}"));
    app.send(request.body(Body::empty()).unwrap()).await.status.as_u16()
}

/// A redemption that stops for longer than the test takes, with all its locks and rows.
struct Stopping {
    connection: Connection,
    stopped: Arc<Notify>,
}

#[async_trait]
impl Unit for Stopping {
    type Done = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let Connection { dev_id, provider, reference_id, .. } = &self.connection;
        tx.lock_developer_shared(dev_id).await?;
        tx.lock(Lock::EndUser(dev_id, provider, reference_id.as_ref().unwrap())).await?;
        tx.add_connection(&self.connection).await?;
        self.stopped.notify_one();
        tokio::time::sleep(Duration::from_mins(1)).await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_in_the_middle_of_a_connect_delays_that_account_only() {
    let one = TestApp::start_on(Postgres::start().database()).await;
    let other = one.second_node().await;
    one.change(ChangeEnvironment { user_limit: Some(None), ..ChangeEnvironment::default() }).await;
    assert_eq!(connect(&one, "first").await, 200);
    let developer = one.auth.directory().developer(&one.keys.dev_id).unwrap();
    let connection = Connection {
        provider: "APPLE".parse().unwrap(),
        reference_id: Some("alice".parse().unwrap()),
        ..Fixtures::default().connection(&developer)
    };
    let stopped = Arc::new(Notify::new());
    let unit = Stopping { connection, stopped: Arc::clone(&stopped) };
    let store = one.auth.store().clone();
    tokio::spawn(async move { store.run(unit).await });
    stopped.notified().await;

    let began = Instant::now();
    for n in 0..20 {
        let status = timeout(Duration::from_secs(4), connect(&other, &format!("user-{n}"))).await;
        assert_eq!(status.expect("another account waits"), 200);
    }
    let others = began.elapsed();
    let same = timeout(Duration::from_secs(20), connect(&other, "alice")).await;
    assert_eq!(same.expect("the account waits for ever"), 200);
    assert!(others < Duration::from_secs(4), "{others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_limit_is_exact_however_many_connect_at_two_nodes_at_once() {
    let one = TestApp::start_on(Postgres::start().database()).await;
    let other = one.second_node().await;
    one.change(ChangeEnvironment { user_limit: Some(Some(5)), ..ChangeEnvironment::default() }).await;
    let names: Vec<_> = (0..20).map(|n| format!("user-{n}")).collect();
    let attempts = names.iter().enumerate().map(|(n, name)| connect(if n % 2 == 0 { &one } else { &other }, name));
    let mut statuses = join_all(attempts).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[200; 5].as_slice(), &[403; 15]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_create_one_environment_and_one_admin_token() {
    let database = Postgres::start().database();
    let url = database.url();
    let starts = (0..6).map(|_| async {
        let auth = terra_auth_testkit::auth(terra_auth_store::open(&url.clone().into()).await.unwrap());
        let new = NewDeveloper {
            environment: Environment::Production,
            name: "Acme".to_owned(),
            destination: None,
            bound_tokens_only: false,
        };
        let admin = Admin::local("tests");
        let made = auth.create_first_developer(&admin, new).await.unwrap();
        let token = auth.bootstrap_admin().await.unwrap();
        let developers = auth.developers().await.unwrap();
        assert!(auth.directory().developer(&developers[0].dev_id).is_some(), "this node does not know the environment");
        (made.is_some(), token.is_some(), developers.len())
    });
    let starts = join_all(starts).await;
    assert_eq!(starts.iter().filter(|start| start.0).count(), 1, "{starts:?}");
    assert_eq!(starts.iter().filter(|start| start.1).count(), 1, "{starts:?}");
    assert!(starts.iter().all(|start| start.2 == 1), "{starts:?}");
}
