//! Nodes on one store, with a clock that the tests control.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use terra_auth_core::{
    Auth, Dependencies,
    node::{
        directory::Directory,
        outbox::Outbox,
        refresh::in_flight::{AccessToken, AccessTokenError, Rules},
    },
};
use terra_auth_model::{
    clock::{Clock, Entropy},
    connection::Connection,
    developer::Developer,
    grant::StoredGrant,
    keys::{KeyRing, MasterKey, SealContext, Sealed},
    provider::{Providers, Tokens},
    store::Store,
};
use terra_auth_testkit::{CountingEntropy, FixedClock, Fixtures, StoreExt as _};
use terra_auth_types::Provider;
use tokio::time::Instant;

/// A clock that follows the time of the runtime, which a test can pause and advance.
#[derive(Clone, Copy)]
pub(crate) struct RuntimeClock {
    pub(crate) began: Instant,
    /// How much this clock is ahead of the others.
    pub(crate) ahead: SignedDuration,
}

impl RuntimeClock {
    pub(crate) fn exact() -> Self {
        Self { began: Instant::now(), ahead: SignedDuration::ZERO }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        FixedClock::START + SignedDuration::try_from(self.began.elapsed()).unwrap() + self.ahead
    }
}

/// The parts of a node, apart from its store and its providers.
pub(crate) struct Node {
    pub(crate) clock: RuntimeClock,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) rules: Rules,
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::new(&MasterKey([7; 32].into()))
}

pub(crate) fn node(store: Store, providers: Arc<dyn Providers>, node: Node) -> Auth {
    let parts = Dependencies {
        store,
        clock: Arc::new(node.clock),
        entropy: node.entropy,
        keys: keys(),
        directory: Directory::default(),
        providers,
        widget_url: "https://widget.example".parse().unwrap(),
        outbox: Outbox::default(),
    };
    Auth::with_rules(parts, node.rules)
}

pub(crate) fn provider() -> Provider {
    "FITBIT".parse().unwrap()
}

pub(crate) fn tokens(access: &str, refresh: &str, expires_at: Timestamp) -> Tokens {
    Tokens { access_token: access.into(), refresh_token: Some(refresh.into()), expires_at: Some(expires_at) }
}

pub(crate) fn open(kept: &StoredGrant) -> Tokens {
    let row = kept.user_id.to_string();
    let place = SealContext { dev_id: kept.dev_id.as_str(), row: &row, column: "grant" };
    Tokens::from_json(&keys().open(place, &kept.sealed).unwrap()).unwrap()
}

/// One environment with one connection.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) developer: Developer,
    pub(crate) connection: Connection,
}

impl World {
    /// Adds a connection with these tokens, as a login does.
    pub(crate) async fn with(store: Store, tokens: &Tokens) -> Self {
        let rows = Fixtures::default();
        let developer = rows.developer("acme");
        store.add_developer(&developer).await.unwrap();
        let mut world = Self { store, connection: rows.connection(&developer), developer };
        world.connection.grant = Some(world.seal(tokens));
        world.store.add_connection(&world.connection).await.unwrap();
        world
    }

    pub(crate) fn seal(&self, tokens: &Tokens) -> Sealed {
        let row = self.connection.user_id.to_string();
        let place = SealContext { dev_id: self.developer.dev_id.as_str(), row: &row, column: "grant" };
        keys().seal(&CountingEntropy::default(), place, &tokens.to_json())
    }

    pub(crate) async fn access_token(&self, node: &Auth) -> Result<AccessToken, AccessTokenError> {
        node.access_token(&self.developer.dev_id, self.connection.user_id).await
    }

    pub(crate) async fn stored_grant(&self) -> Option<StoredGrant> {
        self.store.kept_grant(&self.developer.dev_id, &self.connection.user_id).await.unwrap()
    }

    pub(crate) async fn is_active(&self) -> bool {
        let found = self.store.connection(&self.developer.dev_id, &self.connection.user_id).await.unwrap();
        found.unwrap().active
    }

    /// The number of events of each type.
    pub(crate) async fn events(&self) -> BTreeMap<String, usize> {
        let mut events = BTreeMap::new();
        for event in self.store.events_after(&self.developer.dev_id, &None, &100).await.unwrap() {
            *events.entry(event.kind).or_default() += 1;
        }
        events
    }
}
