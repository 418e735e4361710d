mod drift;
mod mishaps;
mod regularly;
mod suspicion;
mod upstream;

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth::{Client, Credentials, Environment};
use terra_auth_model::{
    clock::Clock as _,
    known_connection::{ConnectionState, KnownConnection},
};
use terra_auth_store::open;
use terra_auth_testkit::{CountingEntropy, FixedClock};
use terra_auth_types::{UserId, wire::TerraUser};
use uuid::Uuid;

use self::upstream::Upstream;
use super::{Drift, ReconcileError, ReconcileOptions, reconcile};
use crate::inbox::Inbox;

/// The known connections, and the upstream that they are compared with.
struct World {
    inbox: Inbox,
    client: Client,
    clock: Arc<FixedClock>,
    upstream: Arc<Upstream>,
}

const LOOK: ReconcileOptions<'static> = ReconcileOptions { repair: false, force: false, progress: &|_| () };
const REPAIR: ReconcileOptions<'static> = ReconcileOptions { repair: true, ..LOOK };

impl World {
    /// A gateway and an upstream with the same `users`.
    async fn agreeing_on(users: &[Value]) -> Self {
        let upstream = Upstream::start().await;
        let clock = Arc::new(FixedClock::default());
        let store = open(&"sqlite::memory:".into()).await.unwrap();
        let inbox = Inbox::new(store, clock.clone(), Arc::new(CountingEntropy::default()));
        let client = Client::builder(credentials(&upstream)).retries(0).no_proxy().build().unwrap();
        let world = Self { inbox, client, clock, upstream };
        world.learn(users).await;
        world.upstream.lists(users);
        world
    }

    /// Adds known connections, last changed a day ago.
    async fn learn(&self, users: &[Value]) {
        let users: Vec<TerraUser> = users.iter().map(|user| serde_json::from_value(user.clone()).unwrap()).collect();
        let yesterday = self.clock.now() - SignedDuration::from_hours(24);
        self.inbox.add_found_connections(&users, yesterday).await.unwrap();
    }

    async fn run(&self, options: ReconcileOptions<'_>) -> Result<Drift, ReconcileError> {
        reconcile(&self.client, &self.inbox, &*self.clock, options).await
    }

    async fn look(&self) -> Drift {
        self.run(LOOK).await.unwrap()
    }

    async fn repair(&self) -> Drift {
        self.run(REPAIR).await.unwrap()
    }

    async fn known(&self) -> Vec<KnownConnection> {
        self.inbox.known_connections_page(None, 5000).await.unwrap()
    }

    async fn state(&self, number: u128) -> Option<ConnectionState> {
        self.known().await.iter().find(|known| known.user_id == id(number)).map(|known| known.state)
    }
}

fn credentials(upstream: &Upstream) -> Credentials {
    let keys = ("acme-testing-0000000000".parse().unwrap(), "test-key-not-a-secret".into());
    let mut credentials = Credentials::new(Environment::Testing, keys.0, keys.1);
    credentials.api_url = upstream.url.join("v2").unwrap();
    credentials
}

fn id(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn user(number: u128) -> Value {
    json!({
        "user_id": id(number), "provider": "FITBIT", "reference_id": format!("caller-{number}"), "active": true,
        "scopes": "activity,sleep", "created_at": "2029-06-01T10:20:30.123456Z",
    })
}

fn users(numbers: std::ops::RangeInclusive<u128>) -> Vec<Value> {
    numbers.map(user).collect()
}

/// The numbers of missing, changed and gone connections.
fn counts(drift: &Drift) -> (u64, u64, u64) {
    (drift.missing.count, drift.changed.count, drift.gone.count)
}
