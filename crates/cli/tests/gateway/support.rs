//! An app, a gateway beside it and our own server as the upstream. The folder, the servers and the
//! HTTP client are shared with the other end-to-end tests.

pub(crate) mod tls;
pub(crate) mod webhook;

use std::{
    net::{SocketAddr, TcpListener},
    thread,
};

use axum::{Json, Router, routing::get};
use http::{HeaderMap, Method, StatusCode, header::COOKIE};
use serde_json::{Value, json};
use terra_auth_cli_testkit::{
    Folder, Server,
    http::{Reply, send},
};

/// An operator's folder with an upstream, and an app that identifies its users by a cookie.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) upstream: Server,
    /// The app's address, without a path; it answers `/me`.
    pub(crate) app: String,
    /// The address that the gateway listens on, to which the upstream sends its events.
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let address = free_address();
        let upstream = folder.dev(&format!("--in-memory --forward-to http://{address}/webhooks/terra"));
        Self { folder, upstream, app: app(), address }
    }

    /// Starts a gateway that asks the app who is logged in, and waits until it is ready.
    pub(crate) fn gateway(&self, arguments: &str) -> Server {
        let Self { address, app, .. } = self;
        self.start(&format!("--listen {address} --who-am-i {app}/me {arguments}"))
    }

    /// Starts a gateway with exactly these arguments, and waits until it is ready.
    pub(crate) fn start(&self, arguments: &str) -> Server {
        Server::start(&mut self.folder.command(&format!("gateway --output json {arguments}")))
    }

    /// The gateway's response to a request of a user of the app.
    pub(crate) async fn ask(&self, user: &str, method: Method, path: &str) -> Reply {
        let cookie = format!("user={user}");
        let url = format!("http://{}{path}", self.address);
        send(method, &url, &[("cookie", &cookie)], String::new()).await.unwrap()
    }
}

/// An address with a free port, for a server that starts later.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Serves `router` on a separate thread; returns its address, without a path.
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

/// Starts an app that identifies its users by a cookie; returns its address.
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
