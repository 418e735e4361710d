//! The store: every query is written once, for SQLite and PostgreSQL.
//!
//! Each concept has one file with its statements. [`open`] returns the handle for operations.

mod admin_token;
mod api_key;
mod audit;
mod connection;
mod data_key;
mod delivery;
mod destination;
mod developer;
mod engine;
mod event;
mod grant;
mod housekeeping;
mod known_connection;
mod lock;
mod login;
mod migrate;
mod mobile_token;
mod open;
mod postgres;
mod provider_app;
mod receipt;
mod received_event;
mod revocation;
mod row_mac;
mod sqlite;
#[cfg(test)]
mod statements;
mod value;
mod vault;
mod widget_session;

pub use migrate::MigrateError;
pub use open::{OpenError, open, open_accepting, open_shared, open_shared_accepting};
pub use postgres::{Postgres, PostgresError};
pub use sqlite::{Accepted, FileError, Sqlite, SqliteError, StoreFile, backup, replace, verify};
