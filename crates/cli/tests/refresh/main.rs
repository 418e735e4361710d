//! End-to-end tests of refreshes: nodes on real stores, and the practice provider over HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod alarm;
mod budget;
mod many;
