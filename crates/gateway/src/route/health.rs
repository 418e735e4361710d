use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use terra_auth_core::inbox::ForwardCounts;

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

/// Whether what the gateway needs is there, and what is not, as far as is known.
///
/// Only the store decides the status: without it no event is taken and nobody's connections are known. The upstream and the
/// login are shared by all gateways, so taking one of them out of service would help nobody, and events must go on coming
/// in meanwhile. For the same reason a backlog does not count: it is what the store is for.
async fn readyz(State(gateway): State<Gateway>) -> Response {
    let live = gateway.live();
    let ok = |is_ok| if is_ok { "ok" } else { "failing" };
    let counts = gateway.inbox().counts().await;
    let ready = counts.is_ok() && gateway.inbox().health().await.is_ok();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let forwarding = counts.ok().map(|ForwardCounts { waiting, dead }| json!({ "waiting": waiting, "dead": dead }));
    let body = json!({
        "ready": ready,
        "store": ok(ready),
        "upstream": ok(!live.breaker.is_open()),
        "login": ok(live.login_is_reachable().await),
        "forwarding": forwarding,
    });
    (status, Json(body)).into_response()
}
