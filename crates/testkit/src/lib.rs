//! A clock that stands still, entropy that counts, the store contract.
//!
//! For tests only: what does not work panics.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on panics"
)]

pub mod bench;
mod clock;
mod cluster;
pub mod contract;
mod entropy;
mod faults;
mod postgres;
mod rows;
mod verbs;

pub use clock::FixedClock;
pub use cluster::{Pair, PgBouncer, PoolMode};
pub use entropy::CountingEntropy;
pub use faults::{WriteFault, WriteFaults};
pub use postgres::{Database, Postgres};
pub use rows::Rows;
pub use verbs::Verbs;
