//! The addresses of a face.

use crate::face::{Face, TokenEndpoints};

/// An address that a client needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Where the browser begins.
    Authorize,
    /// Where codes and refresh tokens become access tokens.
    Token,
    /// The same for the apps of the second [`Portal`](crate::Portal), where a face has two.
    SecondToken,
    /// Where refresh tokens become access tokens: the token endpoint, unless a face has another.
    Refresh,
    /// Where a token is revoked. [`Revocation`](crate::Revocation) says how, and which face does it at [`Endpoint::Users`].
    Revoke,
    /// Where an access token tells whose account it opens.
    Userinfo,
    /// Where accounts are registered.
    Users,
    /// What an access token is for.
    Data,
    /// Where the client learns whether a token lives (RFC 7662). No fault touches it.
    Introspect,
}

impl Endpoint {
    /// The last part of its path.
    pub(crate) fn name(self, face: &Face) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Refresh if face.token_endpoints == TokenEndpoints::RefreshApart => "refresh-token",
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
