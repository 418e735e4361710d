//! Refreshes, as callers and apps see them, and a simulation of crashes and failures.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue panics")]

mod access;
mod budget;
mod confirm;
mod engine;
mod failure;
mod scopes;
mod script;
mod simulation;
mod world;
