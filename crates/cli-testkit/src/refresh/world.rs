//! Nodes on one store, and connections whose tokens have all expired.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use terra_auth::{
    DevId, Environment, UserId,
    wire::admin::{ImportConnections, PortableConnection},
};
use terra_auth_core::{
    Auth, Dependencies,
    admin::action::Admin,
    developer::NewDeveloper,
    node::{directory::Directory, outbox::Outbox},
};
use terra_auth_model::{
    clock::{Clock, SystemEntropy},
    grant::StoredGrant,
    keys::{KeyRing, MasterKey},
    store::Store,
};
use terra_auth_testkit::StoreExt as _;

use super::practice::{PROFILE, Practice, provider};

/// The maximum number of connections in an import.
const PAGE: usize = 500;

/// The nodes of one server, and a provider.
pub struct World {
    /// The provider.
    pub practice: Practice,
    /// The nodes.
    pub nodes: Vec<Auth>,
    /// The environment.
    pub dev_id: DevId,
    clock: Arc<dyn Clock>,
}

impl World {
    /// Starts a node for each of the stores, which share their data. `budget` is a part of the
    /// provider's recipe.
    pub async fn start(stores: Vec<Store>, budget: &str, clock: Arc<dyn Clock>) -> Self {
        let practice = Practice::start(Arc::clone(&clock));
        let nodes: Vec<_> =
            stores.into_iter().map(|store| node(store, &practice, budget, Arc::clone(&clock))).collect();
        let app = NewDeveloper {
            environment: Environment::Production,
            name: "Acme".to_owned(),
            destination: None,
            bound_tokens_only: false,
        };
        let dev_id = nodes[0].create_developer(&Admin::local("bench"), app).await.unwrap().dev_id;
        for node in &nodes {
            node.reload().await.unwrap();
        }
        Self { practice, nodes, dev_id, clock }
    }

    /// Imports `number` connections whose access tokens expire now.
    pub async fn import(&self, number: usize) {
        let now = self.clock.now();
        let connections: Vec<_> = (0..number).map(|n| self.granted(n, now)).collect();
        for page in connections.chunks(PAGE) {
            let import = ImportConnections { connections: page.to_vec(), ..ImportConnections::default() };
            let admin = Admin::local("bench");
            let done = self.nodes[0].import_connections(&admin, &self.dev_id, &import).await.unwrap();
            assert_eq!((usize::try_from(done.imported), done.refused.len()), (Ok(page.len()), 0));
        }
    }

    fn granted(&self, number: usize, expires_at: Timestamp) -> PortableConnection {
        let name = format!("person-{number}");
        let tokens = self.practice.sandbox.create_grant(PROFILE, &name);
        PortableConnection {
            user_id: None,
            provider: provider(),
            account: PROFILE.account_id(&name),
            reference_id: Some(name.parse().unwrap()),
            scopes: None,
            active: None,
            created_at: None,
            access_token: Some(tokens.access_token.expose_secret().into()),
            refresh_token: tokens.refresh_token.map(|token| token.expose_secret().into()),
            expires_at: Some(expires_at),
        }
    }

    /// Lets all nodes refresh until nothing is due.
    pub async fn refresh_all(&self) {
        let workers: Vec<_> = self.nodes.iter().cloned().map(|node| tokio::spawn(refresh_all(node))).collect();
        for worker in workers {
            worker.await.unwrap();
        }
    }

    /// The user ids of all connections.
    pub async fn users(&self) -> Vec<UserId> {
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let page = self.nodes[0].store().connections_after(&self.dev_id, &after, &1000).await.unwrap();
            users.extend(page.iter().map(|connection| connection.user_id));
            after = users.last().copied();
            if page.is_empty() {
                return users;
            }
        }
    }

    /// The stored grant of a connection.
    pub async fn grant(&self, user: UserId) -> StoredGrant {
        self.nodes[0].store().kept_grant(&self.dev_id, &user).await.unwrap().unwrap()
    }

    /// The number of connections that were refreshed exactly once and are fine, according to the store.
    pub async fn stored_once(&self) -> usize {
        let kept: Vec<_> =
            stream::iter(self.users().await).map(|user| self.grant(user)).buffer_unordered(64).collect().await;
        kept.iter().filter(|kept| is_refreshed_once(kept)).count()
    }
}

fn is_refreshed_once(kept: &StoredGrant) -> bool {
    let is_idle = kept.lease_until.is_none() && kept.in_flight_since.is_none();
    (kept.version, kept.lease, kept.state, is_idle) == (1, 1, terra_auth_types::wire::admin::GrantState::Fine, true)
}

fn node(store: Store, practice: &Practice, budget: &str, clock: Arc<dyn Clock>) -> Auth {
    Auth::new(Dependencies {
        store,
        providers: Arc::new(practice.providers(budget, Arc::clone(&clock))),
        clock,
        entropy: Arc::new(SystemEntropy),
        keys: KeyRing::new(&MasterKey([7; 32].into())),
        directory: Directory::default(),
        widget_url: "https://widget.example".parse().unwrap(),
        outbox: Outbox::default(),
    })
}

async fn refresh_all(node: Auth) {
    while node.refresh_due().await.unwrap() > 0 {}
}
