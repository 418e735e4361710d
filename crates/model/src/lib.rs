//! Stored records, the verbs that store them, and the ports of the authentication plane: the store, the
//! providers, the clock.
//!
//! Each concept has one file with its record and its verbs. This crate contains no business rules; the
//! operations are in `core`.

pub mod admin_token;
pub mod api_key;
pub mod audit;
pub mod causes;
pub mod clock;
pub mod connection;
pub mod delivery;
pub mod destination;
pub mod developer;
pub mod digest;
pub mod event;
pub mod grant;
pub mod housekeeping;
pub mod keys;
pub mod known_connection;
pub mod lock;
pub mod login;
pub mod mobile_token;
pub mod provider;
pub mod provider_app;
pub mod rate_limit;
pub mod receipt;
pub mod received_event;
pub mod revocation;
pub mod row_mac;
pub mod signing_secret;
pub mod store;
pub mod store_error;
pub mod text;
pub mod vault;
pub mod widget_session;
