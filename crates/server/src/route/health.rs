//! Whether the server is alive, and whether it can work.

use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};
use terra_auth_core::Auth;

use crate::error::ApiError;

pub(crate) fn routes() -> Router<Auth> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready))
}

async fn alive() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn ready(State(auth): State<Auth>) -> Result<Json<Value>, ApiError> {
    auth.next_due().await?;
    Ok(Json(json!({"status": "ok"})))
}
