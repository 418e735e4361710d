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
    /// Everything that the operator's machines reach, on a listener of its own.
    pub fn operations(&self) -> Router {
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz)).with_state(self.clone())
    }
}

/// For a balancer on the users' listener: whether the process lives, and whether it gets requests. The causes, and how much
/// waits, is for the operator's listener.
pub(crate) fn public() -> Router<Gateway> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(whether_ready))
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether what the gateway needs is there, and what is not, as far as is known.
///
/// Only the store decides the status: without it no event is accepted and no connections are known. The upstream and the
/// login are shared by all gateways, so taking one of them out of service would help no user, and events must continue to arrive
/// in meanwhile. For the same reason a backlog does not count: it is what the store is for.
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

/// The same without what it rests on.
async fn whether_ready(State(gateway): State<Gateway>) -> Response {
    let ready = gateway.inbox().counts().await.is_ok() && gateway.inbox().health().await.is_ok();
    (status(ready), Json(json!({ "ready": ready }))).into_response()
}

fn status(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
