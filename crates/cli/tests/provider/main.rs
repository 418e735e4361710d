//! The server with a certified third-party OAuth server as its provider (npm's `oidc-provider`, see
//! `tests/oauth`), and real browsers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod connect;
mod crash;
mod refresh;
mod support;
