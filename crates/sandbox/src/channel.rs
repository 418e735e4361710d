//! The back channel: what an app's server calls.

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

pub(crate) use error::{refuse_client, refuse_for_now};
pub(crate) use issue::open;

use crate::{fault, sandbox::Sandbox};

/// The routes of every face that are not for a browser. Faults do not touch introspection: it tells tests the truth.
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
        .route_layer(middleware::from_fn_with_state(sandbox.clone(), fault::misbehave))
        .route("/{face}/introspect", post(introspect::introspect))
}
