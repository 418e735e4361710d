//! Environments as a user sets them up, looks at them and uses them: the real binary against a scripted API.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod exec;
mod kept_elsewhere;
mod look;
mod mishap;
mod prompt;
mod setup;
mod several;
mod support;
mod trust;
