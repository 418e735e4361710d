//! The endpoints that an app's server calls.

mod client;
mod data;
mod envelope;
mod error;
mod introspect;
mod issue;
mod resource;
mod revoke;
mod token;
mod userinfo;
mod users;

use axum::{
    Router, middleware,
    routing::{any, delete, get, post},
};

use crate::sandbox::Sandbox;
pub(crate) use error::{reject_by_rate_limit, reject_client};

/// The routes of every provider that are not for a browser. Faults do not apply to introspection, so tests can rely
/// on it.
pub(crate) fn routes(sandbox: &Sandbox) -> Router<Sandbox> {
    Router::new()
        .route("/{face}/token", post(token::token))
        .route("/{face}/ext-token", post(token::second_token))
        .route("/{face}/refresh-token", post(token::refresh_apart))
        .route("/{face}/revoke", any(revoke::revoke))
        .route("/{face}/userinfo", get(userinfo::userinfo))
        .route("/{face}/users", post(users::register))
        .route("/{face}/users/{account}", delete(users::deregister))
        .route("/{face}/data", get(data::data))
        .route_layer(middleware::from_fn_with_state(sandbox.clone(), crate::misbehave::inject_fault))
        .route("/{face}/introspect", post(introspect::introspect))
}
