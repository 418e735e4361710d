//! The parameters and results of a provider's revoke call.

/// How a provider's revoke call works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokePolicy {
    /// Whether the call requires an access token that is still valid.
    pub needs_access_token: bool,
    /// The scope of the call.
    pub ends: RevokeScope,
}

/// The scope of a revoke call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RevokeScope {
    /// Everything that the account has granted to the app, including other connections and newer logins. The
    /// default for providers whose behaviour is unknown.
    #[default]
    Account,
    /// The grant of one login.
    Grant,
}

/// The part of a provider's response to a revocation that is stored. The body is not, because it may repeat tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevokeResponse {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The OAuth error code, or the provider's own.
    pub code: Option<String>,
}

/// A grant that is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The provider confirmed the revocation.
    Confirmed(RevokeResponse),
    /// The provider says that the grant does not exist any more.
    AlreadyGone(RevokeResponse),
}

/// Why a grant was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The provider is unknown here, or there is no app for the call.
    #[error("unknown provider, or no app at this provider")]
    Unknown,
    /// The provider's recipe has no revoke call.
    #[error("the provider has no revoke call")]
    NoCall,
    /// The provider requires the account's id, and it is not known.
    #[error("the provider requires the account's id, which is not known")]
    NoAccount,
    /// The provider rejects the app; the end user is not the cause.
    #[error("the provider refuses the app")]
    AppRefused(RevokeResponse),
    /// The provider rejects the access token.
    #[error("the provider refuses the access token")]
    TokenRefused(RevokeResponse),
    /// The recipe does not cover this response.
    #[error("the provider answered {}", shown(.0))]
    Refused(RevokeResponse),
    /// The provider could not be reached, or was too slow.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn shown(answer: &RevokeResponse) -> String {
    let status = answer.status.map(|status| status.to_string());
    status.into_iter().chain(answer.code.clone()).collect::<Vec<_>>().join(" ")
}
