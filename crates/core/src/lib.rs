//! The rules of the authentication plane: what may happen and what is remembered; no sockets, no SQL.
//!
//! Each concept has one file: what is kept, the verbs that keep it, and the operations on it. An operation is a method
//! of [`Auth`]; what it changes, it changes in one [`store::Unit`].

mod auth;
pub mod clock;
pub mod connection;
pub mod delivery;
pub mod developer;
pub mod digest;
pub mod mobile_token;
pub mod revocation;
pub mod seal;
pub mod store;
pub mod widget_session;

pub use auth::Auth;
