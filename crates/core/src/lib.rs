//! The operations of the authentication plane: all decisions, without sockets and SQL.
//!
//! Each concept has one file or folder. An operation is a method of [`Auth`]; it makes all its changes in one
//! [`Unit`](terra_auth_model::store::Unit). The records and the verbs that store them are in the `model` crate.

pub mod access_token;
pub mod admin;
pub mod api_key;
pub mod audit;
mod auth;
pub mod connection;
pub mod delivery;
pub mod destination;
pub mod developer;
pub mod environment;
pub mod event;
pub mod event_stream;
pub mod grant;
pub mod login;
pub mod mobile_token;
pub mod node;
pub mod notification;
pub mod outbox;
pub mod provider_app;
pub mod refresh;
mod restore;
pub mod revocation;
mod row_macs;
pub mod sdk_user;
pub mod signing_secret;
pub mod vault;
pub mod widget_session;

pub use auth::{Auth, Dependencies};
