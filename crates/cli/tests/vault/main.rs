//! Vault commands of the real binary, on both databases.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod keys;
mod online;
mod reset;
mod support;
