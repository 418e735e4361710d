//! What a provider is told when a connection ends, and what is remembered of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod last;
mod refresh;
mod report;
mod script;
mod world;
