//! End-to-end tests: the real binary over real HTTP, and Terra's own clients against it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod backup;
mod client;
mod commands;
mod crash;
mod dev;
mod first_admin;
mod guard;
mod lost_store;
mod official;
mod openapi;
mod operate;
mod payloads;
mod providers;
mod restart;
mod retries;
mod secrets;
mod support;
mod wait_for_store;
