//! The endpoints of a provider.

use crate::profile::{ProviderProfile, TokenEndpoints};

/// An endpoint that a client calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The authorization page, which the browser opens first.
    Authorize,
    /// Exchanges codes and refresh tokens for access tokens.
    Token,
    /// The token endpoint for apps of the second [`Portal`](crate::Portal), at a provider with two.
    SecondToken,
    /// Exchanges refresh tokens for access tokens: the token endpoint, unless the provider has a separate one.
    Refresh,
    /// Revokes a token. [`Revocation`](crate::Revocation) defines how, and which provider uses [`Endpoint::Users`].
    Revoke,
    /// Returns the account of an access token.
    Userinfo,
    /// Registers accounts.
    Users,
    /// Returns data for an access token.
    Data,
    /// Returns whether a token is active (RFC 7662). Simulated faults do not apply to it.
    Introspect,
}

impl Endpoint {
    /// The last segment of the endpoint's path.
    pub(crate) fn name(self, face: &ProviderProfile) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Refresh if face.token_endpoints == TokenEndpoints::SeparateRefresh => "refresh-token",
            Self::SecondToken => "ext-token",
            Self::Token | Self::Refresh => "token",
            Self::Revoke => "revoke",
            Self::Userinfo => "userinfo",
            Self::Users => "users",
            Self::Data => "data",
            Self::Introspect => "introspect",
        }
    }
}
