//! Tests of the real binary, in its own folder, against a scripted API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod calls;
mod completions;
mod failures;
mod help;
mod providers;
mod setup_environment;
mod support;
mod verify_webhook;
