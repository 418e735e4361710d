//! Setting up, showing and using environments: the real binary against a scripted API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod exec;
mod external_keys;
mod listing;
mod prompt;
mod setup;
mod several;
mod support;
mod trust;
mod write_failures;
