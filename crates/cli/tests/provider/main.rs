//! The server with a certified OAuth server of other people as its provider (npm's `oidc-provider`, see `tests/oauth`), and
//! people at real browsers.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod connect;
mod crash;
mod refresh;
mod support;
