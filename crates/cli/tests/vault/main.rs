//! The vault as its operator sees it: the real binary, on both databases.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod keys;
mod online;
mod reset;
mod support;
