//! Many connections that fall due at once, and several nodes that refresh them: each exactly once.
//!
//! `TERRA_AUTH_CONNECTIONS=100000 cargo test -p terra-auth-core --test refresh many -- --nocapture` tries more of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use terra_auth_core::{
    Auth,
    clock::{Clock as _, SystemEntropy},
    connection::Connection,
    provider::{
        AuthorizationRequest, ClientCredentials, CodeExchange, Grant, ProviderError, ProviderInfo, Providers,
        RefreshPolicy, Refreshed, Tokens,
    },
    refresh::Rules,
    seal::Place,
    store::{Store, StoreError, Tx, Unit},
};
use terra_auth_testkit::{Postgres, Rows, Verbs as _, bench};
use terra_auth_types::Provider;
use url::Url;

use crate::{
    script::{Answer, ONCE, catalogue},
    world::{Node, Watch, keys, node, tokens},
};

/// Counts how often each refresh token is spent.
struct Counting {
    list: Vec<ProviderInfo>,
    clock: Watch,
    spent: Mutex<HashMap<String, u32>>,
}

#[async_trait]
impl Providers for Counting {
    fn list(&self) -> &[ProviderInfo] {
        &self.list
    }

    fn has_app(&self, _: &Provider) -> bool {
        true
    }

    fn authorization_url(
        &self,
        _: &Provider,
        _: Option<&ClientCredentials>,
        _: &AuthorizationRequest,
    ) -> Result<Url, ProviderError> {
        Err(ProviderError::Unknown)
    }

    async fn exchange(
        &self,
        _: &Provider,
        _: Option<&ClientCredentials>,
        _: &CodeExchange,
    ) -> Result<Grant, ProviderError> {
        Err(ProviderError::Unknown)
    }

    fn issuer(&self, _: &Provider) -> Option<&str> {
        None
    }

    fn refresh_policy(&self, _: &Provider) -> Option<RefreshPolicy> {
        Some(RefreshPolicy { at_once: 64, ..ONCE })
    }

    async fn refresh(&self, _: &Provider, _: Option<&ClientCredentials>, before: &Tokens) -> Answer {
        let spent = before.refresh_token.as_ref().map_or("", |token| token.expose_secret()).to_owned();
        *self.spent.lock().unwrap().entry(spent).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(2)).await;
        let end = self.clock.now() + SignedDuration::from_hours(8);
        Ok(Refreshed { tokens: tokens("access", "refresh", end), scopes: None })
    }

    async fn revoke(
        &self,
        _: &Provider,
        _: Option<&ClientCredentials>,
        _: Option<&str>,
        _: &Tokens,
    ) -> Result<(), ProviderError> {
        Ok(())
    }
}

struct AddConnections(Vec<Connection>);

#[async_trait]
impl Unit for AddConnections {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for connection in &self.0 {
            tx.add_connection(connection).await?;
        }
        Ok(())
    }
}

/// Connections whose access tokens have ended, each with a refresh token of its own.
async fn connect(store: &Store, number: u32, clock: Watch) {
    let rows = Rows::default();
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    let connected = |n: u32| {
        let connection = rows.connection(&developer);
        let row = connection.user_id.to_string();
        let place = Place { dev_id: "acme", row: &row, column: "grant" };
        let tokens = tokens("access", &n.to_string(), clock.now());
        let sealed = keys().seal(&SystemEntropy, place, &tokens.to_json());
        Connection { grant: Some(sealed), ..connection }
    };
    let all: Vec<_> = (0..number).map(connected).collect();
    for some in all.chunks(500) {
        store.run(AddConnections(some.to_vec())).await.unwrap();
    }
}

async fn each_is_refreshed_once(kind: &str, stores: Vec<Store>) {
    let number = std::env::var("TERRA_AUTH_CONNECTIONS").map_or(400_u32, |text| text.parse().unwrap());
    let clock = Watch::exact();
    connect(&stores[0], number, clock).await;
    let provider = Arc::new(Counting { list: catalogue(), clock, spent: Mutex::default() });
    let start = Instant::now();
    let nodes: Vec<_> = stores
        .into_iter()
        .map(|store| {
            let parts = Node { clock, entropy: Arc::new(SystemEntropy), rules: Rules::default() };
            let node = node(store, Arc::clone(&provider) as Arc<dyn Providers>, parts);
            tokio::spawn(refresh_all(node))
        })
        .collect();
    for node in nodes {
        node.await.unwrap();
    }
    let rate = f64::from(number) / start.elapsed().as_secs_f64();
    bench::report(&format!("{kind}: {number} connections, {rate:.0} refreshes/s"));
    let spent = provider.spent.lock().unwrap();
    assert_eq!(spent.len(), number as usize);
    assert!(spent.values().all(|times| *times == 1), "a refresh token was spent twice");
}

async fn refresh_all(node: Auth) {
    while node.refresh_due().await.unwrap() > 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_refresh_many_on_one_postgres() {
    let database = Postgres::start().database();
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(terra_auth_store::open(&database.url().into()).await.unwrap());
    }
    each_is_refreshed_once("PostgreSQL", stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_workers_refresh_many_in_one_file() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let url = format!("sqlite://{}", folder.path().join("store.db").display());
    let store = terra_auth_store::open(&url.into()).await.unwrap();
    each_is_refreshed_once("SQLite", vec![store.clone(), store.clone(), store]).await;
}
