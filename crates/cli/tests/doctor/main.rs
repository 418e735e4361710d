//! `terra-auth doctor` on folders with and without planted problems.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod api;
mod folder;
mod git;
mod keys;
mod online;
mod receiver;
mod report;
