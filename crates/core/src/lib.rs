//! The rules of the authentication plane: what may happen and what is remembered; no sockets, no SQL.
//!
//! Each concept has one file: what is kept, the verbs that keep it, and the operations on it. An operation is a method
//! of [`Auth`]; what it changes, it changes in one [`store::Unit`].

pub mod admin;
pub mod api_key;
pub mod audit;
mod auth;
mod bucket;
pub mod causes;
pub mod clock;
pub mod connect;
pub mod connection;
pub mod delivery;
pub mod developer;
pub mod digest;
pub mod directory;
pub mod environment;
pub mod event;
pub mod flow;
pub mod freshness;
pub mod grant;
pub mod inbox;
pub mod known_connection;
pub mod lend;
pub mod lock;
pub mod mobile_token;
pub mod notice;
pub mod open_session;
pub mod outbox;
pub mod provider;
pub mod provider_app;
pub mod receipt;
pub mod redirect;
pub mod refresh;
mod restore;
pub mod revocation;
pub mod row_mark;
pub mod sdk_user;
pub mod seal;
pub mod signing_secret;
pub mod store;
mod stranger;
pub mod text;
pub mod vault;
pub mod widget_session;

pub use auth::{Auth, Parts};
pub use terra_auth_types::log_limit;
