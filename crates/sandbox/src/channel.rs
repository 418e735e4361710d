//! The back channel: what an app's server calls.

mod client;
mod error;
mod revoke;
mod token;
mod userinfo;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{fault, sandbox::Sandbox};

/// The token, revoke and userinfo routes of every face.
pub(crate) fn routes(sandbox: &Sandbox) -> Router<Sandbox> {
    Router::new()
        .route("/{face}/token", post(token::token))
        .route("/{face}/revoke", post(revoke::revoke))
        .route("/{face}/userinfo", get(userinfo::userinfo))
        .route_layer(middleware::from_fn_with_state(sandbox.clone(), fault::misbehave))
}
