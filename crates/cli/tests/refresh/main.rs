//! Refreshing as a whole: nodes on real stores, and the practice provider over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod alarm;
mod budget;
mod many;
#[path = "../../benches/refresh/practice.rs"]
mod practice;
#[path = "../../benches/refresh/world.rs"]
mod world;
