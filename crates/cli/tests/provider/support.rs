//! A third-party provider, our server in front of it, and an app that hears of it; folder, servers, plain HTTP and receiver
//! are those of the other end-to-end tests.

use std::{
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use ::http::Method;
use serde_json::Value;
use terra_auth::{
    AdminToken, Client, UserId, WidgetSessionRequest, admin::AdminClient, wire::admin::ChangeEnvironment,
};
use tokio::time::sleep;

use self::{
    folder::Folder,
    http::{Failure, Reply, send},
    oauth_server::{Exchange, OAuthServer},
    person::Page,
    receiver::{Received, Receiver},
    server::Server,
};

pub(crate) mod disk;
#[path = "../e2e/support/folder.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod folder;
#[path = "../e2e/support/http.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod http;
pub(crate) mod oauth_server;
pub(crate) mod person;
#[path = "../e2e/support/receiver.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod receiver;
#[path = "../e2e/support/server.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod server;

/// Longer than anything takes that works, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How the recipe says that a refresh token is good for one use, and what a second use does.
pub(crate) const ROTATES: &str = r#"rotation = "single_use", reuse_ends_grant = true"#;

const MASTER_KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A node of the server. It is killed when dropped.
pub(crate) struct Node {
    pub(crate) server: Server,
    /// Where it listens, whatever its public URL says.
    address: SocketAddr,
}

impl Node {
    /// Asks for an access token of a connection, as an operator's worker does. The node may be gone.
    pub(crate) async fn lend(&self, site: &Site, user: UserId) -> Result<Reply, Failure> {
        let dev_id = site.client.dev_id();
        let url = format!("http://{}/api/v3/admin/environments/{dev_id}/connections/{user}/access-token", self.address);
        let bearer = format!("Bearer {}", site.admin_token);
        send(Method::POST, &url, &[("authorization", &bearer)], String::new()).await
    }

    /// An access token of a connection, which there must be.
    pub(crate) async fn lent(&self, site: &Site, user: UserId) -> String {
        let reply = self.lend(site, user).await.unwrap();
        token_in(&reply).unwrap_or_else(|| panic!("{}: {}", reply.status, reply.text))
    }
}

/// The access token in an answer.
pub(crate) fn token_in(reply: &Reply) -> Option<String> {
    let answer: Value = serde_json::from_str(&reply.text).ok()?;
    answer["access_token"].as_str().map(str::to_owned)
}

/// An operator's folder with one node that runs, which has the provider's recipe and tells an app what happens.
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
    /// `refresh` is how the recipe says that the provider treats refresh tokens.
    pub(crate) async fn new(refresh: &str, store: Option<String>) -> (Self, Node) {
        let (folder, address, app) = (Folder::new(), free_address(), Receiver::start());
        let provider = OAuthServer::start(&format!("http://{address}/auth/acme/oauth2"));
        folder.write("providers.toml", &provider.recipe(refresh));
        folder.write("apps.toml", "[ACME]\nclient_id = \"acme\"\nclient_secret = \"test-key-not-a-secret\"\n");
        let node = start(&folder, address, address, store.as_deref(), "--create-environment testing");
        let (client, admin_token) = (folder.client(), admin_token(&node.server));
        let site = Self { folder, provider, app, client, address, store, admin_token };
        site.tell_the_app(&node.server).await;
        (site, node)
    }

    /// The node again, after it ended.
    pub(crate) fn restart(&self) -> Node {
        start(&self.folder, self.address, self.address, self.store.as_deref(), "")
    }

    /// Another node of the same server.
    pub(crate) fn another_node(&self) -> Node {
        start(&self.folder, free_address(), self.address, self.store.as_deref(), "")
    }

    async fn tell_the_app(&self, node: &Server) {
        let token = AdminToken::from(self.admin_token.as_str());
        let admin = AdminClient::new(&node.origin().parse().unwrap(), &token).unwrap();
        let destination = Some(Some(self.app.url.parse().unwrap()));
        let change = ChangeEnvironment { destination, ..ChangeEnvironment::default() };
        admin.change_environment(self.client.dev_id(), &change).await.unwrap();
    }

    /// Sends somebody through the widget to the provider and back to the app.
    pub(crate) async fn visit(&self, name: &str, agrees: bool) -> Vec<Page> {
        let request = WidgetSessionRequest::new()
            .reference_id(&name.parse().unwrap())
            .providers(["ACME".parse().unwrap()])
            .auth_success_redirect_url("https://app.example/connected")
            .auth_failure_redirect_url("https://app.example/failed");
        let session = self.client.generate_widget_session(&request).await.unwrap();
        person::visit(session.url.as_str(), name, agrees).await
    }

    /// Somebody connects; which connection it is.
    pub(crate) async fn connect(&self, name: &str) -> UserId {
        let pages = self.visit(name, true).await;
        pages.last().unwrap().parameter("user_id").unwrap().parse().unwrap()
    }

    /// Every refresh that has reached the provider and ended there.
    pub(crate) async fn refreshes(&self) -> Vec<Exchange> {
        self.provider.exchanges().await.into_iter().filter(Exchange::is_refresh).collect()
    }

    /// Whether a connection counts as working.
    pub(crate) async fn is_active(&self, user: UserId) -> bool {
        self.client.user_info(user).await.unwrap().user.user.active == Some(true)
    }

    /// The events of a kind that the app has got.
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

/// The first admin's token, which a new server shows once.
fn admin_token(node: &Server) -> String {
    until("the admin's token is shown", || {
        let shown = node.stderr();
        let mut words = shown.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.find(|word| word.starts_with("ta_admin_")).map(str::to_owned)
    })
}

/// A port that nobody listens on, as an address that can be told to others first.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Asks until there is an answer, for as long as [`PATIENCE`] lasts.
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_in(PATIENCE, what, ask)
}

/// The same with another patience.
pub(crate) fn until_in<T>(patience: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < patience, "{what}: not within {patience:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The same where to ask takes a while.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(20)).await;
    }
}
