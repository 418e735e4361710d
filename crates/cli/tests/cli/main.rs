//! The command as a user meets it: the real binary, in a folder of its own, against a scripted API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod calls;
mod completions;
mod help;
mod providers;
mod refusals;
mod setup_environment;
mod support;
mod verify_webhook;
