//! Revocations after a connection was removed: calls to the provider, and reports.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue panics")]

mod last;
mod refresh;
mod report;
mod script;
mod world;
