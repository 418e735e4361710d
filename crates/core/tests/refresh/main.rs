//! Refreshing: what callers and apps see of it, and a simulation of everything that can go wrong on the way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod access;
mod budget;
mod confirm;
mod engine;
mod failure;
mod scopes;
mod script;
mod simulation;
mod world;
