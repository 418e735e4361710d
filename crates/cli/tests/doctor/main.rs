//! `terra-auth doctor` on folders where something was planted, and on folders where nothing was.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod api;
mod folder;
mod git;
mod keys;
mod online;
mod receiver;
mod whole;
