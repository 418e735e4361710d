//! A provider whose revocation call hangs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    response::Redirect,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime, time::sleep};
use url::form_urlencoded::byte_serialize;

pub(crate) struct Provider {
    /// The recipe for `serve --providers`.
    pub(crate) recipe: String,
    /// The apps file for `serve --provider-apps`.
    pub(crate) apps: &'static str,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    users: AtomicUsize,
    hanging: AtomicUsize,
}

#[derive(Deserialize)]
struct Authorization {
    redirect_uri: String,
    state: String,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let calls = Arc::new(Calls::default());
        let router = Router::new()
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .with_state(Arc::clone(&calls));
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(TcpListener::from_std(listener).unwrap(), router).await })
        });
        let recipe = format!(
            "[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = [\"sleep\"]\n\n[provider.login]\n\
             authorize_url = \"{url}/authorize\"\ntoken_url = \"{url}/token\"\nclient_auth = \"body\"\n\
             identity = {{ field = \"user_id\" }}\nrevoke = {{ url = \"{url}/revoke\" }}\n"
        );
        Self { recipe, apps: "[ACME]\nclient_id = \"acme\"\nclient_secret = \"test-key-not-a-secret\"\n", calls }
    }

    /// The number of revocation calls, all of which hang.
    pub(crate) fn hanging(&self) -> usize {
        self.calls.hanging.load(Ordering::Relaxed)
    }
}

/// Redirects back at once, as if the user had consented.
async fn authorize(Query(asked): Query<Authorization>) -> Redirect {
    let state: String = byte_serialize(asked.state.as_bytes()).collect();
    Redirect::to(&format!("{}?code=1&state={state}", asked.redirect_uri))
}

/// Issues tokens of another user for each call.
async fn token(State(calls): State<Arc<Calls>>) -> Json<Value> {
    let user = calls.users.fetch_add(1, Ordering::Relaxed).to_string();
    let tokens = [format!("access-{user}"), format!("refresh-{user}")];
    Json(json!({ "access_token": tokens[0], "refresh_token": tokens[1], "token_type": "Bearer", "user_id": user }))
}

async fn revoke(State(calls): State<Arc<Calls>>) {
    calls.hanging.fetch_add(1, Ordering::Relaxed);
    sleep(Duration::from_mins(10)).await;
}
