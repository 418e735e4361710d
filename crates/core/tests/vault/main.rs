//! The keys of a store, from its first start through every rotation.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue panics")]

mod dying;
mod first_start;
mod reset;
mod rotation;
mod world;
mod writers;
