//! Health checks: liveness and readiness.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use terra_auth_core::Auth;
use terra_auth_model::store_error::StoreError;

use crate::{authentication::OptionalAdminAuth, error::ApiError};

pub(crate) fn routes() -> Router<Auth> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Ready means that the store works. Failing providers do not count, because they fail on every node. With an admin token of
/// any role, the response lists failing providers and ignored rows of the store; the log has the details.
async fn ready(State(auth): State<Auth>, OptionalAdminAuth(admin): OptionalAdminAuth) -> Result<Response, ApiError> {
    if let Err(error) = auth.store_health().await {
        return Ok(not_ready(&error));
    }
    auth.next_due().await.map_err(ApiError::not_ready)?;
    if admin.is_none() {
        return Ok(Json(json!({"status": "ok"})).into_response());
    }
    let refused_by: BTreeSet<_> = auth.refused_apps().into_iter().map(|app| app.provider).collect();
    let failing: BTreeSet<_> = auth.failing_providers().into_iter().map(|failing| failing.provider).collect();
    let refused_rows: Vec<_> = auth.refused_rows().iter().map(ToString::to_string).collect();
    let body = json!({"status": "ok", "refused_by": refused_by, "failing": failing, "refused_rows": refused_rows});
    Ok(Json(body).into_response())
}

/// The store is damaged: it may be readable, and its writes may be lost.
fn not_ready(error: &StoreError) -> Response {
    let reason = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let body = Json(json!({"status": "failing", "reason": reason}));
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], body).into_response()
}
