//! A provider that issues fixed tokens and answers a revocation with an error that echoes them.

use std::thread;

use axum::{
    Json, Router,
    extract::RawQuery,
    http::StatusCode,
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use serde_json::json;
use tokio::{net::TcpSocket, runtime};
use url::form_urlencoded::parse;

pub(crate) const ACCESS_TOKEN: &str = "provider-access-token-not-a-secret";
pub(crate) const REFRESH_TOKEN: &str = "provider-refresh-token-not-a-secret";
pub(crate) const CODE: &str = "provider-code-not-a-secret";
pub(crate) const CLIENT_SECRET: &str = "provider-client-secret-not-a-secret";

/// The recipes and apps of the provider, as `serve` reads them.
pub(crate) struct Provider {
    pub(crate) recipes: String,
    pub(crate) apps: String,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let router = Router::new()
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/revoke", post(revoke))
            .route("/broken/token", post(revoke));
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(socket.listen(64).unwrap(), router).await })
        });
        let recipe = |name: &str, token_path: &str| {
            format!(
                "[[provider]]\nprovider = \"{name}\"\nname = \"{name}\"\ntypes = [\"sleep\"]\n\n[provider.login]\n\
                 authorize_url = \"{url}/authorize\"\ntoken_url = \"{url}{token_path}\"\nclient_auth = \"body\"\n\
                 identity = {{ field = \"user_id\" }}\nrevoke = {{ url = \"{url}/revoke\" }}\n\n"
            )
        };
        let app = |name: &str| format!("[{name}]\nclient_id = \"acme\"\nclient_secret = \"{CLIENT_SECRET}\"\n");
        Self {
            recipes: recipe("ACME", "/token") + &recipe("BROKEN", "/broken/token"),
            apps: app("ACME") + &app("BROKEN"),
        }
    }
}

/// Redirects back at once, as if the user had consented.
async fn authorize(RawQuery(query): RawQuery) -> Redirect {
    let query = query.unwrap_or_default();
    let found = |name: &str| parse(query.as_bytes()).find(|(key, _)| key == name).unwrap().1.into_owned();
    Redirect::to(&format!("{}?code={CODE}&state={}", found("redirect_uri"), found("state")))
}

async fn token() -> impl IntoResponse {
    Json(
        json!({ "access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "user_id": "1" }),
    )
}

/// Fails, and echoes the request's body.
async fn revoke(body: String) -> impl IntoResponse {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "server_error", "error_description": body })))
}
