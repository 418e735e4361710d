//! Support for tests: a fixed clock, deterministic entropy, real servers, and the store contract. Errors panic.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on panics"
)]

#[cfg(feature = "auth")]
mod auth;
pub mod bench;
mod clock;
mod cluster;
pub mod contract;
mod entropy;
mod faults;
mod fixtures;
#[cfg(feature = "sandbox")]
pub mod http;
mod postgres;
#[cfg(feature = "sandbox")]
pub mod sandbox_login;
mod store_ext;

#[cfg(feature = "auth")]
pub use auth::{NoProviders, auth, auth_with_keys, dependencies};
pub use clock::FixedClock;
pub use cluster::{Pair, PgBouncer, PoolMode};
pub use entropy::CountingEntropy;
pub use faults::{WriteFault, WriteFaults};
pub use fixtures::Fixtures;
pub use postgres::{Database, Postgres};
pub use store_ext::StoreExt;
