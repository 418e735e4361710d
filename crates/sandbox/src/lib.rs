//! A provider that obeys: a real OAuth 2.0 authorization server, for dev mode and for tests.
//!
//! It wears the [faces] of well-known providers, each under its own paths, and speaks plain HTTP like any of them:
//! authorization code with PKCE (RFC 6749, RFC 7636), refresh tokens that rotate, revocation (RFC 7009) and the `iss`
//! answer parameter (RFC 9207). Whoever holds the [`Sandbox`] handle can also make it misbehave and look inside.
//! Time and randomness are handed in, so a test can be repeated.

mod bounded;
mod channel;
mod config;
mod digest;
mod face;
mod fault;
mod ledger;
mod page;
mod params;
mod sandbox;

pub use config::{Clock, Entropy, SandboxConfig};
pub use face::{Face, Identity, Scope, faces};
pub use fault::Fault;
pub use ledger::{Account, Grant};
pub use sandbox::{Endpoint, Sandbox};
