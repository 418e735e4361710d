//! A scriptable OAuth 2.0 authorization server that simulates providers, for dev mode and tests.
//!
//! It simulates well-known providers, each under its own paths, with one profile per provider ([`provider_profiles`]). It
//! supports the authorization code grant with PKCE (RFC 6749, RFC 7636), refresh, revocation (RFC 7009),
//! introspection (RFC 7662) and the `iss` response parameter (RFC 9207) over plain HTTP.
//!
//! A [`ProviderProfile`] describes how a provider differs from the standards: the effect of a refresh on the refresh
//! token, its responses, its revocation, and its conditions for data calls. The [`Sandbox`] handle can also simulate
//! faults and list the grants. The caller supplies time and randomness, so a test can be repeated.

mod bounded;
mod config;
mod digest;
mod endpoint;
mod endpoints;
mod fault;
mod misbehave;
mod page;
mod params;
mod profile;
mod router;
mod sandbox;
mod tokens;

pub use config::{Clock, Entropy, Lifetimes, SandboxConfig};
pub use endpoint::Endpoint;
pub use fault::{Fault, LifetimeFault};
pub use profile::{
    AccountIdField, GrantedScopes, Pkce, Portal, ProviderProfile, ResponseFormat, ReusePolicy, Revocation, Rotation,
    SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER, Scope, TokenEndpoints, provider_profiles,
};
pub use sandbox::{GrantTokens, Sandbox};
pub use tokens::{Account, Grant};
