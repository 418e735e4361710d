use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;

use crate::gateway::Gateway;

impl Gateway {
    /// Everything that the operator's machines reach, on a listener of its own.
    pub fn operations(&self) -> Router {
        routes().with_state(self.clone())
    }
}

/// For whoever decides whether the process lives, and whether it gets requests.
pub(crate) fn routes() -> Router<Gateway> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether what the gateway needs is there, and what is not. Only the store decides: without it nothing is taken in, while
/// an upstream that fails is the same for every gateway.
async fn readyz(State(gateway): State<Gateway>) -> Response {
    let store = gateway.inbox().counts().await;
    let upstream = if gateway.live().breaker.is_open() { "failing" } else { "ok" };
    let (status, store) = match store {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
    };
    (status, Json(json!({ "ready": status == StatusCode::OK, "store": store, "upstream": upstream }))).into_response()
}
