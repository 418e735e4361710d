//! The gateway as its operator runs it: the real binary between an app and our own server as the upstream.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod deploy;
mod events;
mod examples;
mod operations;
mod reconcile;
mod reload;
mod run;
mod support;
mod telemetry;
