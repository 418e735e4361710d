//! A provider that obeys: a real OAuth 2.0 authorization server, for dev mode and for tests.
//!
//! It wears the [faces] of well-known providers, each under its own paths, and speaks plain HTTP like any of them:
//! authorization code with PKCE (RFC 6749, RFC 7636), refresh, revocation (RFC 7009), introspection (RFC 7662) and the
//! `iss` answer parameter (RFC 9207). Where a provider goes its own way, so does its [`Face`]: with what a refresh does to
//! the refresh token, with its answers, its revocation, and what it wants before it hands out data.
//! Whoever holds the [`Sandbox`] handle can also make it misbehave and look inside.
//! Time and randomness are handed in, so a test can be repeated.

mod bounded;
mod channel;
mod config;
mod digest;
mod endpoint;
mod face;
mod fault;
mod ledger;
mod page;
mod params;
mod sandbox;

pub use config::{Clock, Entropy, Lifetimes, SandboxConfig};
pub use endpoint::Endpoint;
pub use face::{
    Envelope, Face, GrantedScopes, Identity, Pkce, Portal, Revocation, Rotation, SUBSCRIPTION_KEY,
    SUBSCRIPTION_KEY_HEADER, Scope, SecondUse, TokenEndpoints, faces,
};
pub use fault::{Fault, OddLife};
pub use ledger::{Account, Grant};
pub use sandbox::{OpenedTokens, Sandbox};
