//! An app, a gateway beside it and our own server as the upstream; folder, servers and receiver are those of the other
//! end-to-end tests.

use std::{
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use ::http::{HeaderMap, Method, StatusCode, header::COOKIE};
use axum::{Json, Router, routing::get};
use serde_json::{Value, json};

use self::{
    folder::Folder,
    http::{Reply, send},
    server::Server,
};

#[path = "../e2e/support/folder.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod folder;
#[path = "../e2e/support/http.rs"]
pub(crate) mod http;
#[path = "../e2e/support/server.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
pub(crate) mod server;
pub(crate) mod tls;
pub(crate) mod webhook;

/// Longer than anything takes that works, on a busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An operator's folder with an upstream, and an app that knows its users by a cookie.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) upstream: Server,
    /// The app's address, without a path; it answers `/me`.
    pub(crate) app: String,
    /// Where the gateway listens, and where the upstream sends its events.
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let address = free_address();
        let upstream = folder.dev(&format!("--in-memory --forward-to http://{address}/webhooks/terra"));
        Self { folder, upstream, app: app(), address }
    }

    /// A gateway that asks the app who is logged in, ready.
    pub(crate) fn gateway(&self, arguments: &str) -> Server {
        let Self { address, app, .. } = self;
        self.start(&format!("--listen {address} --who-am-i {app}/me {arguments}"))
    }

    /// A gateway with these arguments and no others, ready.
    pub(crate) fn start(&self, arguments: &str) -> Server {
        Server::start(&mut self.folder.command(&format!("gateway --output json {arguments}")))
    }

    /// What the gateway answers to a user of the app.
    pub(crate) async fn ask(&self, user: &str, method: Method, path: &str) -> Reply {
        let cookie = format!("user={user}");
        let url = format!("http://{}{path}", self.address);
        send(method, &url, &[("cookie", &cookie)], String::new()).await.unwrap()
    }
}

/// A port that nobody listens on, as an address that can be told to others first.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Asks until there is an answer, for as long as [`PATIENCE`] lasts.
pub(crate) fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    until_in(PATIENCE, what, ask)
}

/// The same for as long as `patience` lasts.
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

/// Serves `router` on a thread of its own; returns its address, without a path.
pub(crate) fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await })
    });
    url
}

/// An app that knows its users by a cookie; returns its address.
pub(crate) fn app() -> String {
    serve(Router::new().route("/me", get(who_am_i)))
}

async fn who_am_i(headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let cookie = headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match cookie.strip_prefix("user=") {
        Some(user) => (StatusCode::OK, Json(json!({ "id": user }))),
        None => (StatusCode::UNAUTHORIZED, Json(json!({}))),
    }
}
