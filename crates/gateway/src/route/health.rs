use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use terra_auth_model::received_event::ForwardCounts;

use crate::gateway::Gateway;

impl Gateway {
    /// The operator's routes, on a separate listener.
    pub fn operations(&self) -> Router {
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(self.clone())
    }
}

/// The health checks on the public listener, for load balancers. The causes and the backlog are on the operator's listener.
pub(crate) fn public() -> Router<Gateway> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(whether_ready))
}

/// The process is alive.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the gateway is ready, and the state of its dependencies.
///
/// Only the store decides the status: without it, no event is accepted. All gateways share the upstream and the login, so
/// taking one gateway out of service would not help, and it must continue to receive events. A backlog does not count either,
/// because the store holds it.
async fn readyz(State(gateway): State<Gateway>) -> Response {
    let live = gateway.live();
    let ok = |is_ok| if is_ok { "ok" } else { "failing" };
    let counts = gateway.inbox().counts().await;
    let ready = counts.is_ok() && gateway.inbox().health().await.is_ok();
    let forwarding = counts.ok().map(|ForwardCounts { waiting, dead }| json!({ "waiting": waiting, "dead": dead }));
    let body = json!({
        "ready": ready,
        "store": ok(ready),
        "upstream": ok(!live.breaker.is_open()),
        "login": ok(live.login_is_reachable().await),
        "forwarding": forwarding,
    });
    (status(ready), Json(body)).into_response()
}

/// The same without the dependencies.
async fn whether_ready(State(gateway): State<Gateway>) -> Response {
    let ready = gateway.inbox().counts().await.is_ok() && gateway.inbox().health().await.is_ok();
    (status(ready), Json(json!({ "ready": ready }))).into_response()
}

fn status(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
