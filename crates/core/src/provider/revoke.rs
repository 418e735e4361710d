//! What a provider's revoke call needs, and what comes back.

/// How a provider's revoke call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokePolicy {
    /// Whether it takes an access token, which must still work.
    pub access_token: bool,
    /// How much it ends.
    pub ends: Ends,
}

/// How much a revoke call ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// All that the account has granted to the app, other connections and newer logins too. What is unknown is this.
    #[default]
    Account,
    /// The grant of one login.
    Grant,
}

/// All that is kept of a provider's answer to a revocation. Its body may repeat tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The OAuth error code, or the provider's own.
    pub code: Option<String>,
}

/// A grant that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// The provider did as asked.
    Confirmed(Answered),
    /// It says that there is nothing to revoke any more.
    AlreadyGone(Answered),
}

/// Why a grant was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is no such provider here, or no app to ask it as.
    #[error("unknown provider, or no app there")]
    Unknown,
    /// It has no such call, as far as its recipe knows.
    #[error("the provider has no revoke call")]
    NoCall,
    /// It wants to be told whose grant it is, and that is not known.
    #[error("the provider wants to know whose grant it is")]
    NoAccount,
    /// It refuses the app, whoever the end user is.
    #[error("the provider refuses the app")]
    AppRefused(Answered),
    /// It refuses the access token.
    #[error("the provider refuses the access token")]
    TokenRefused(Answered),
    /// It answered something that its recipe does not expect.
    #[error("the provider answered {}", shown(.0))]
    Refused(Answered),
    /// It could not be reached, or was too slow.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn shown(answer: &Answered) -> String {
    let status = answer.status.map(|status| status.to_string());
    status.into_iter().chain(answer.code.clone()).collect::<Vec<_>>().join(" ")
}
