//! Nodes on one store, and connections whose tokens have all ended.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use terra_auth::{
    DevId, Environment, UserId,
    wire::admin::{ImportConnections, PortableConnection},
};
use terra_auth_core::{
    Auth, Parts,
    admin::Admin,
    clock::{Clock, SystemEntropy},
    developer::NewDeveloper,
    directory::Directory,
    grant::{GrantState, KeptGrant},
    outbox::Outbox,
    seal::{KeyRing, MasterKey},
    store::Store,
};
use terra_auth_testkit::Verbs as _;

use crate::practice::{FACE, Practice, provider};

/// As many as an import takes.
const PAGE: usize = 500;

/// Some nodes of one server, and a provider.
pub(crate) struct World {
    pub(crate) practice: Practice,
    pub(crate) nodes: Vec<Auth>,
    pub(crate) dev_id: DevId,
    clock: Arc<dyn Clock>,
}

impl World {
    /// A node for each of the stores, which are one. `budget` is a part of the provider's recipe.
    pub(crate) async fn start(stores: Vec<Store>, budget: &str, clock: Arc<dyn Clock>) -> Self {
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

    /// So many end users have connected elsewhere, and their access tokens end now.
    pub(crate) async fn import(&self, number: usize) {
        let now = self.clock.now();
        let connections: Vec<_> = (0..number).map(|n| self.granted(n, now)).collect();
        for some in connections.chunks(PAGE) {
            let import = ImportConnections { connections: some.to_vec(), ..ImportConnections::default() };
            let admin = Admin::local("bench");
            let done = self.nodes[0].import_connections(&admin, &self.dev_id, &import).await.unwrap();
            assert_eq!((usize::try_from(done.imported), done.refused.len()), (Ok(some.len()), 0));
        }
    }

    fn granted(&self, number: usize, expires_at: Timestamp) -> PortableConnection {
        let name = format!("person-{number}");
        let tokens = self.practice.sandbox.open_grant(FACE, &name);
        PortableConnection {
            user_id: None,
            provider: provider(),
            account: FACE.account_id(&name),
            reference_id: Some(name.parse().unwrap()),
            scopes: None,
            active: None,
            created_at: None,
            access_token: Some(tokens.access_token.expose_secret().into()),
            refresh_token: tokens.refresh_token.map(|token| token.expose_secret().into()),
            expires_at: Some(expires_at),
        }
    }

    /// All nodes refresh until nothing is due any more.
    pub(crate) async fn refresh_all(&self) {
        let workers: Vec<_> = self.nodes.iter().cloned().map(|node| tokio::spawn(refresh_all(node))).collect();
        for worker in workers {
            worker.await.unwrap();
        }
    }

    /// Every connection.
    pub(crate) async fn users(&self) -> Vec<UserId> {
        let (mut users, mut after) = (Vec::new(), None);
        loop {
            let page = self.nodes[0].store.connections_after(&self.dev_id, &after, &1000).await.unwrap();
            users.extend(page.iter().map(|connection| connection.user_id));
            after = users.last().copied();
            if page.is_empty() {
                return users;
            }
        }
    }

    pub(crate) async fn kept(&self, user: UserId) -> KeptGrant {
        self.nodes[0].store.kept_grant(&self.dev_id, &user).await.unwrap().unwrap()
    }

    /// How many connections were refreshed exactly once and are fine, as far as the store knows.
    pub(crate) async fn kept_once(&self) -> usize {
        let kept: Vec<_> =
            stream::iter(self.users().await).map(|user| self.kept(user)).buffer_unordered(64).collect().await;
        kept.iter().filter(|kept| is_kept_once(kept)).count()
    }
}

fn is_kept_once(kept: &KeptGrant) -> bool {
    let at_rest = kept.lease_until.is_none() && kept.in_flight_since.is_none();
    (kept.version, kept.lease, kept.state, at_rest) == (1, 1, GrantState::Fine, true)
}

fn node(store: Store, practice: &Practice, budget: &str, clock: Arc<dyn Clock>) -> Auth {
    Auth::new(Parts {
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
