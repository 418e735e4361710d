//! Tests of the real gateway binary, between an app and our own server as the upstream.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod crash;
mod deploy;
mod dev;
mod events;
mod examples;
mod operations;
mod postgres;
mod reconcile;
mod reload;
mod run;
mod secrecy;
mod signals;
mod support;
mod telemetry;
