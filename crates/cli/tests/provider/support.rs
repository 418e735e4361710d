//! A third-party provider, our server in front of it, and an app that receives events. The folder,
//! the servers, the HTTP client and the receiver are shared with the other end-to-end tests.

pub(crate) mod disk;
pub(crate) mod oauth_server;
pub(crate) mod person;

use std::{
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

use http::Method;
use serde_json::Value;
use terra_auth::{
    AdminToken, Client, UserId, WidgetSessionRequest, admin::AdminClient, wire::admin::ChangeEnvironment,
};
use terra_auth_cli_testkit::{
    Folder, Received, Receiver, Server, TIMEOUT,
    http::{HttpFailure, Reply, send},
    until,
};
use tokio::time::sleep;

use self::{
    oauth_server::{Exchange, OAuthServer},
    person::Page,
};

/// Recipe settings: a refresh token is valid for one use, and a second use ends the grant.
pub(crate) const SINGLE_USE_REFRESH: &str = r#"rotation = "single_use", reuse_ends_grant = true"#;
const MASTER_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A node of the server. It is killed when dropped.
pub(crate) struct Node {
    pub(crate) server: Server,
    /// The address that it listens on, which may differ from its public URL.
    address: SocketAddr,
}

impl Node {
    /// Requests an access token of a connection, as an operator's worker does. Fails if the node
    /// does not run.
    pub(crate) async fn issue_access_token(&self, site: &Site, user: UserId) -> Result<Reply, HttpFailure> {
        let dev_id = site.client.dev_id();
        let url = format!("http://{}/api/v3/admin/environments/{dev_id}/connections/{user}/access-token", self.address);
        let bearer = format!("Bearer {}", site.admin_token);
        send(Method::POST, &url, &[("authorization", &bearer)], String::new()).await
    }

    /// Requests an access token of a connection, which must succeed.
    pub(crate) async fn access_token(&self, site: &Site, user: UserId) -> String {
        let reply = self.issue_access_token(site, user).await.unwrap();
        token_in(&reply).unwrap_or_else(|| panic!("{}: {}", reply.status, reply.text))
    }
}

/// The access token in a response.
pub(crate) fn token_in(reply: &Reply) -> Option<String> {
    let answer: Value = serde_json::from_str(&reply.text).ok()?;
    answer["access_token"].as_str().map(str::to_owned)
}

/// An operator's folder and one running node, which has the provider's recipe and sends its events to an app.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) provider: OAuthServer,
    pub(crate) app: Receiver,
    pub(crate) client: Client,
    address: SocketAddr,
    /// `None` is SQLite in the folder.
    store: Option<String>,
    admin_token: String,
}

impl Site {
    /// Starts the provider and a node. `refresh` is the recipe's settings for refresh tokens.
    pub(crate) async fn new(refresh: &str, store: Option<String>) -> (Self, Node) {
        let (folder, address, app) = (Folder::new(), free_address(), Receiver::start());
        let provider = OAuthServer::start(&format!("http://{address}/auth/acme/oauth2"));
        folder.write("providers.toml", &provider.recipe(refresh));
        folder.write("apps.toml", "[ACME]\nclient_id = \"acme\"\nclient_secret = \"test-key-not-a-secret\"\n");
        let node = start(&folder, address, address, store.as_deref(), "--create-environment testing");
        let (client, admin_token) = (folder.client(), admin_token(&node.server));
        let site = Self { folder, provider, app, client, address, store, admin_token };
        site.set_destination(&node.server).await;
        (site, node)
    }

    /// Starts the node again after it was killed.
    pub(crate) fn restart(&self) -> Node {
        start(&self.folder, self.address, self.address, self.store.as_deref(), "")
    }

    /// Starts another node of the same server.
    pub(crate) fn another_node(&self) -> Node {
        start(&self.folder, free_address(), self.address, self.store.as_deref(), "")
    }

    async fn set_destination(&self, node: &Server) {
        let token = AdminToken::from(self.admin_token.as_str());
        let admin = AdminClient::new(&node.origin().parse().unwrap(), &token).unwrap();
        let destination = Some(Some(self.app.url.parse().unwrap()));
        let change = ChangeEnvironment { destination, ..ChangeEnvironment::default() };
        admin.change_environment(self.client.dev_id(), &change).await.unwrap();
    }

    /// Takes a user through the widget to the provider and back to the app.
    pub(crate) async fn visit(&self, name: &str, agrees: bool) -> Vec<Page> {
        let request = WidgetSessionRequest::new()
            .reference_id(&name.parse().unwrap())
            .providers(["ACME".parse().unwrap()])
            .auth_success_redirect_url("https://app.example/connected")
            .auth_failure_redirect_url("https://app.example/failed");
        let session = self.client.generate_widget_session(&request).await.unwrap();
        person::visit(session.url.as_str(), name, agrees).await
    }

    /// Connects a user; returns the connection's user id.
    pub(crate) async fn connect(&self, name: &str) -> UserId {
        let pages = self.visit(name, true).await;
        pages.last().unwrap().parameter("user_id").unwrap().parse().unwrap()
    }

    /// Every refresh that has reached the provider.
    pub(crate) async fn refreshes(&self) -> Vec<Exchange> {
        self.provider.exchanges().await.into_iter().filter(Exchange::is_refresh).collect()
    }

    /// Whether a connection is active.
    pub(crate) async fn is_active(&self, user: UserId) -> bool {
        self.client.user_info(user).await.unwrap().user.user.active == Some(true)
    }

    /// The events of a type that the app has received.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let bodies = self.app.received().iter().map(Received::json).collect::<Vec<_>>();
        bodies.into_iter().filter(|body| body["type"] == kind).collect()
    }
}

fn start(folder: &Folder, address: SocketAddr, public: SocketAddr, store: Option<&str>, more: &str) -> Node {
    let mut command = folder.command(&format!(
        "serve --listen {address} --public-url http://{public} --providers providers.toml --provider-apps apps.toml \
         --allow-private-addresses --output json {more}"
    ));
    if let Some(store) = store {
        command.env("TERRA_AUTH_STORE", store).env("TERRA_AUTH_MASTER_KEY", MASTER_KEY);
    }
    Node { server: Server::start(&mut command), address }
}

/// The first admin's token, which a new server prints once.
fn admin_token(node: &Server) -> String {
    until("the admin's token is shown", || {
        let shown = node.stderr();
        let mut words = shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.find(|word| word.starts_with("ta_admin_")).map(str::to_owned)
    })
}

/// An address with a free port, for a server that starts later.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Like [`until`], with an async `ask`.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < TIMEOUT, "{what}: not within {TIMEOUT:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
