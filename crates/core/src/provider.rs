//! The port to the providers: what they offer, and the four calls of a connection's life.

mod check;
mod logo;
mod notice;
mod revoke;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use terra_auth_types::{Provider, ReferenceId, wire};
use url::Url;
use zeroize::Zeroizing;

pub use self::{
    check::AppCheck,
    logo::{Logo, LogoError},
    notice::{Greeting, Notice},
    revoke::{Answered, Ends, RevokeError, RevokePolicy, Revoked},
};

/// A provider, as the catalogue shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// The name in requests.
    pub provider: Provider,
    /// The name for people.
    pub name: String,
    /// How an end user connects it.
    pub connects: Connects,
    /// The kinds of data it has.
    pub types: wire::DataTypes,
    /// Supplied by the operator. Without one, a monogram takes its place.
    pub logo: Option<Logo>,
}

/// How an end user connects a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connects {
    /// By a login in the browser.
    ByLogin,
    /// On the device, through the mobile SDK.
    OnDevice,
}

/// What a provider knows the operator's app by.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// Public.
    pub client_id: String,
    /// Proves that it is the app.
    pub client_secret: SecretString,
    /// Headers that go along with every call, such as a subscription key.
    pub headers: Vec<(String, SecretString)>,
    /// What the provider shows when it asks whether its notices are wanted.
    pub notice_token: Option<SecretString>,
    /// The profile of the recipe that the app uses, where the provider treats apps in different ways.
    pub profile: Option<String>,
}

impl ClientCredentials {
    /// Without headers of its own.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            headers: Vec::new(),
            notice_token: None,
            profile: None,
        }
    }
}

/// What one login asks a provider for.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Comes back unchanged.
    pub state: String,
    /// SHA-256 of the code verifier, base64url: PKCE's S256 challenge.
    pub code_challenge: String,
    /// Where the provider sends the end user back.
    pub redirect_uri: Url,
}

/// What a provider's redirect is exchanged with.
#[derive(Debug)]
pub struct CodeExchange {
    /// From the redirect.
    pub code: SecretString,
    /// PKCE's proof that the login began here.
    pub code_verifier: SecretString,
    /// The same as in the authorization request.
    pub redirect_uri: Url,
    /// The redirect's `scope`: some providers tell only there what was granted.
    pub scope: Option<String>,
    /// The app's own name for the end user, for providers that register it.
    pub reference_id: Option<ReferenceId>,
}

/// Access to one account at a provider.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The provider's own id for the account.
    pub account: String,
    /// What the end user granted.
    pub scopes: Vec<String>,
    /// What was asked for and not granted.
    pub declined_scopes: Vec<String>,
    /// What was not granted, and without which the connection is of no use.
    pub missing_scopes: Vec<String>,
    /// What is kept of it, sealed.
    pub tokens: Tokens,
}

/// The longest that an access token is believed to live.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// The secret part of a grant.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For the provider's data calls.
    pub access_token: SecretString,
    /// For the next access token.
    pub refresh_token: Option<SecretString>,
    /// When the access token stops working.
    pub expires_at: Option<Timestamp>,
}

impl Tokens {
    /// JSON, to be sealed: `[access token, refresh token or null, expiry in Unix milliseconds or null]`.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let refresh_token = self.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        let expires_at_ms = self.expires_at.map(Timestamp::as_millisecond);
        let parts = json!([self.access_token.expose_secret(), refresh_token, expires_at_ms]);
        Zeroizing::new(parts.to_string().into_bytes())
    }

    /// The tokens as somebody gives them at `now`, with an end that every store can keep: ten years away at most.
    #[must_use]
    pub(crate) fn bounded(self, now: Timestamp) -> Self {
        let furthest = now.saturating_add(LONGEST_LIFE).unwrap_or(Timestamp::MAX);
        Self { expires_at: self.expires_at.map(|end| end.min(furthest)), ..self }
    }

    /// Whether one of them is the same: a provider may give a refresh token again.
    pub(crate) fn shares_with(&self, other: &Self) -> bool {
        let same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        let refresh_tokens = self.refresh_token.as_ref().zip(other.refresh_token.as_ref());
        same(&self.access_token, &other.access_token) || refresh_tokens.is_some_and(|(one, other)| same(one, other))
    }

    /// Reads what [`Tokens::to_json`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let (access_token, refresh_token, expires_at_ms): (SecretString, Option<SecretString>, Option<i64>) =
            serde_json::from_slice(bytes).ok()?;
        let expires_at = expires_at_ms.map(Timestamp::from_millisecond).transpose().ok()?;
        Some(Self { access_token, refresh_token, expires_at })
    }
}

/// Why a provider did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// There is no such provider here, or it is connected on the device.
    #[error("unknown provider")]
    Unknown,
    /// Nobody can log in there any more, and why.
    #[error("the provider has shut down: {0}")]
    ShutDown(String),
    /// It sends end users back over `https` only, and the server is not there.
    #[error("the provider wants an https callback")]
    InsecureCallback,
    /// It refused, with this OAuth error code.
    #[error("the provider refused: {code}")]
    Refused {
        /// RFC 6749 §5.2, such as `invalid_grant`.
        code: String,
    },
    /// It refuses the app, whoever the end user is.
    #[error("the provider refuses the app: {code}")]
    AppRefused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// It gave tokens, and then did not do what is needed besides: they are to be revoked.
    #[error("the login could not be completed")]
    Incomplete {
        /// What it gave.
        tokens: Box<Tokens>,
        /// What went wrong then.
        source: Box<ProviderError>,
    },
    /// It could not be reached, was too slow, or was busy; worth another try.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// It answered something that is no answer.
    #[error("the provider's answer cannot be read")]
    Unreadable,
}

/// How a provider treats refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// What a refresh does to the refresh token.
    pub rotation: Rotation,
    /// How long before the access token's expiry a refresh falls due, at most half of its life; jitter comes on top.
    pub ahead: SignedDuration,
    /// How long a refresh token lives that nobody uses, where that is known. It is used before half of that is over,
    /// even if the access token goes on or nobody says when it ends.
    pub token_life: Option<SignedDuration>,
    /// Refreshes of one provider and environment that may be under way at once.
    pub at_once: u32,
    /// Refreshes of one provider and environment that may begin in a minute; `None` is as many as fit.
    pub per_minute: Option<u32>,
    /// Whether the tokens before are revoked only when the new access token is first used. Each refresh is then followed by
    /// a call, so that tokens of idle connections do not collect towards a limit of the provider.
    pub confirm: bool,
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It stays as it is.
    Kept,
    /// It is spent: a second use is refused.
    SingleUse {
        /// For how long after its use the same request is answered again, with the same or another new pair.
        grace: Option<SignedDuration>,
        /// Whether a second use (after the grace) ends the whole grant.
        reuse_ends_grant: bool,
    },
}

/// What a refresh brought.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// Whole: an answer without a refresh token keeps the old one (RFC 6749 §6).
    pub tokens: Tokens,
    /// What is granted from now on, if the answer says so.
    pub scopes: Option<Vec<String>>,
}

/// Why a refresh brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The provider surely did nothing: try again.
    #[error("the provider was not reached")]
    Untouched(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No whole answer came: it may have done the work or not.
    #[error("the provider's answer was lost")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It did nothing, and wants to be left alone for a while.
    #[error("the provider wants fewer requests")]
    Throttled {
        /// For how long, if it says so.
        retry_after: Option<SignedDuration>,
    },
    /// It refuses the app, not the user: no grant is to blame.
    #[error("the provider refuses the app: {code}")]
    AppRefused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// It refuses this refresh token: it is not, or no longer, good.
    #[error("the provider refuses the grant: {code}")]
    GrantRefused {
        /// `invalid_grant`, the provider's own, or `no_refresh_token` where there was none to send.
        code: String,
    },
    /// It answered something that is no answer: it may have done the work or not.
    #[error("the provider's answer cannot be read")]
    Unreadable,
    /// There is no such provider here, or its tokens are not refreshed.
    #[error("unknown provider")]
    Unknown,
}

/// All providers. Calls are made as an `app`; `None` is the server's own, if it has one. What an implementation leaves out, its
/// providers do not do.
#[async_trait]
pub trait Providers: Send + Sync + 'static {
    /// The catalogue as it is now, in the order in which the widget shows it.
    fn list(&self) -> Arc<[ProviderInfo]>;

    /// Whether the server has an app of its own there, for environments that have none.
    fn has_app(&self, provider: &Provider) -> bool;

    /// The names of the profiles that its recipe has, for apps that the provider treats in another way than most.
    fn profiles(&self, _provider: &Provider) -> Vec<String> {
        Vec::new()
    }

    /// Where to send the end user's browser for a login.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Unknown`], also where there is no app; [`ProviderError::ShutDown`];
    /// [`ProviderError::InsecureCallback`].
    fn authorization_url(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _request: &AuthorizationRequest,
    ) -> Result<Url, ProviderError> {
        Err(ProviderError::Unknown)
    }

    /// Exchanges the code of a redirect for a grant.
    async fn exchange(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _exchange: &CodeExchange,
    ) -> Result<Grant, ProviderError> {
        Err(ProviderError::Unknown)
    }

    /// Whether the provider knows an app. One harmless request, in which nothing of an end user is.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Unknown`].
    async fn check_app(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _redirect_uri: Url,
    ) -> Result<AppCheck, ProviderError> {
        Err(ProviderError::Unknown)
    }

    /// The `iss` that the provider's redirects must carry (RFC 9207); `None` where it sends none.
    fn issuer(&self, _provider: &Provider) -> Option<String> {
        None
    }

    /// How its tokens are refreshed; `None` where they are not.
    fn refresh_policy(&self, _provider: &Provider) -> Option<RefreshPolicy> {
        None
    }

    /// Whose tokens are refreshed, whether or not anybody can still log in there.
    fn refreshed(&self) -> Vec<Provider> {
        let listed = self.list();
        let refreshed = listed.iter().filter(|info| self.refresh_policy(&info.provider).is_some());
        refreshed.map(|info| info.provider.clone()).collect()
    }

    /// Spends the refresh token for new tokens. It is sent once: whether to try again is the caller's decision.
    async fn refresh(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        Err(RefreshError::Unknown)
    }

    /// Uses an access token once, where [`RefreshPolicy::confirm`] says that the provider waits for it.
    ///
    /// # Errors
    ///
    /// The provider did not accept the token, or was not reached.
    async fn confirm(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _tokens: &Tokens,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// How its revoke call is made; `None` where it has none.
    fn revoke_policy(&self, _provider: &Provider) -> Option<RevokePolicy> {
        None
    }

    /// Revokes a grant to `account`, which some providers want to be told.
    async fn revoke(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _account: Option<&str>,
        _tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        Err(RevokeError::NoCall)
    }

    /// What a posted notice says; `None` where the provider sends none.
    fn read_notice(&self, _provider: &Provider, _body: &[u8]) -> Option<Notice> {
        None
    }

    /// What the provider is answered that asks whether its notices are wanted; `None` where it does not ask.
    fn greet(&self, _provider: &Provider, _query: &[(String, String)]) -> Option<Greeting> {
        None
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::Tokens;

    #[test]
    fn tokens_live_ten_years_at_most() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let furthest = now + SignedDuration::from_hours(10 * 365 * 24);
        let bounded = |now, expires_at| {
            Tokens { access_token: "access".into(), refresh_token: None, expires_at }.bounded(now).expires_at
        };
        for (end, expected) in [(None, None), (Some(now), Some(now)), (Some(Timestamp::MAX), Some(furthest))] {
            assert_eq!(bounded(now, end), expected, "{end:?}");
        }
        assert_eq!(bounded(Timestamp::MAX, Some(Timestamp::MAX)), Some(Timestamp::MAX));
    }

    #[test]
    fn tokens_that_are_given_again_are_recognised() {
        let pair = |access: &str, refresh: Option<&str>| Tokens {
            access_token: access.into(),
            refresh_token: refresh.map(Into::into),
            expires_at: None,
        };
        let first = pair("a", Some("r"));
        assert!(first.shares_with(&pair("b", Some("r"))) && first.shares_with(&pair("a", None)));
        assert!(!first.shares_with(&pair("b", Some("s"))) && !pair("a", None).shares_with(&pair("b", None)));
    }
}
