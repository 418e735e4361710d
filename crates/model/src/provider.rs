//! The port to the providers: the catalogue, and the calls that a connection needs from its login to its revocation.

mod check;
mod logo;
mod notification;
mod revoke;

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use terra_auth_types::{Provider, ReferenceId, wire};
use url::Url;
use zeroize::Zeroizing;

pub use crate::provider::{
    check::AppCheck,
    logo::{Logo, LogoError},
    notification::{ProviderNotification, SubscriptionChallenge},
    revoke::{RevokeError, RevokePolicy, RevokeResponse, RevokeScope, Revoked},
};

/// A provider in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// The provider's name in requests.
    pub provider: Provider,
    /// The display name.
    pub name: String,
    /// How an end user connects it.
    pub connects: Connects,
    /// The data types that the provider offers.
    pub types: wire::DataTypes,
    /// The operator's logo for the provider. Without one, the widget shows a monogram.
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

/// The credentials of the operator's app at a provider.
#[derive(Clone, Debug)]
pub struct ClientCredentials {
    /// The client id; public.
    pub client_id: String,
    /// Authenticates the app.
    pub client_secret: SecretString,
    /// Headers for every call, such as a subscription key.
    pub headers: Vec<(String, SecretString)>,
    /// The token that the provider sends when it verifies the notification endpoint.
    pub notification_token: Option<SecretString>,
    /// The recipe profile that the app uses, for providers that treat apps differently.
    pub profile: Option<String>,
}

impl ClientCredentials {
    /// Creates credentials without extra headers.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<SecretString>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            headers: Vec::new(),
            notification_token: None,
            profile: None,
        }
    }
}

/// The parameters of an authorization request.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Returned unchanged by the provider.
    pub state: String,
    /// SHA-256 of the code verifier, base64url: PKCE's S256 challenge.
    pub code_challenge: String,
    /// The URL to which the provider redirects the end user.
    pub redirect_uri: Url,
}

/// The parameters of a code exchange.
#[derive(Debug)]
pub struct CodeExchange {
    /// The code from the redirect.
    pub code: SecretString,
    /// The PKCE verifier: proves that the login began here.
    pub code_verifier: SecretString,
    /// The same URL as in the authorization request.
    pub redirect_uri: Url,
    /// The redirect's `scope`: some providers name the granted scopes only there.
    pub scope: Option<String>,
    /// The app's id for the end user, for providers where the user must be registered.
    pub reference_id: Option<ReferenceId>,
}

/// Access to one account at a provider.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The provider's id for the account.
    pub account: String,
    /// The scopes that the end user granted.
    pub scopes: Vec<String>,
    /// The scopes that were requested and not granted.
    pub declined_scopes: Vec<String>,
    /// The required scopes that were not granted; without them the connection is useless.
    pub missing_scopes: Vec<String>,
    /// The tokens to store, encrypted.
    pub tokens: Tokens,
}

/// The longest lifetime that is accepted for an access token.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// The secret part of a grant.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For the provider's data calls.
    pub access_token: SecretString,
    /// For getting the next access token.
    pub refresh_token: Option<SecretString>,
    /// When the access token expires.
    pub expires_at: Option<Timestamp>,
}

impl Tokens {
    /// Serializes to JSON, to be encrypted: `[access token, refresh token or null, expiry in Unix milliseconds
    /// or null]`.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let refresh_token = self.refresh_token.as_ref().map(ExposeSecret::expose_secret);
        let expires_at_ms = self.expires_at.map(Timestamp::as_millisecond);
        let parts = json!([self.access_token.expose_secret(), refresh_token, expires_at_ms]);
        Zeroizing::new(parts.to_string().into_bytes())
    }

    /// Limits the expiry to ten years after `now`, which every store can represent.
    #[must_use]
    pub fn bounded(self, now: Timestamp) -> Self {
        let furthest = now.saturating_add(MAX_LIFETIME).unwrap_or(Timestamp::MAX);
        Self { expires_at: self.expires_at.map(|end| end.min(furthest)), ..self }
    }

    /// Whether the access token or the refresh token is the same: a provider may issue a refresh token again.
    #[must_use]
    pub fn shares_with(&self, other: &Self) -> bool {
        let same = |one: &SecretString, other: &SecretString| one.expose_secret() == other.expose_secret();
        let refresh_tokens = self.refresh_token.as_ref().zip(other.refresh_token.as_ref());
        same(&self.access_token, &other.access_token) || refresh_tokens.is_some_and(|(one, other)| same(one, other))
    }

    /// Parses the output of [`Tokens::to_json`]; `None` for anything else.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let (access_token, refresh_token, expires_at_ms): (SecretString, Option<SecretString>, Option<i64>) =
            serde_json::from_slice(bytes).ok()?;
        let expires_at = expires_at_ms.map(Timestamp::from_millisecond).transpose().ok()?;
        Some(Self { access_token, refresh_token, expires_at })
    }
}

/// Why a call to a provider failed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider is unknown here, or it is connected on the device.
    #[error("unknown provider")]
    Unknown,
    /// The provider does not offer logins any more, with the reason.
    #[error("the provider has shut down: {0}")]
    ShutDown(String),
    /// The provider redirects to `https` only, and this server's URL is not `https`.
    #[error("the provider requires an https callback URL")]
    InsecureCallback,
    /// The provider returned this OAuth error code.
    #[error("the provider refused: {code}")]
    Refused {
        /// RFC 6749 §5.2, such as `invalid_grant`.
        code: String,
    },
    /// The provider rejects the app; the end user is not the cause.
    #[error("the provider refuses the app: {code}")]
    AppRefused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// The provider issued tokens, and a later step of the login failed. The tokens must be revoked.
    #[error("the login could not be completed")]
    Incomplete {
        /// The issued tokens.
        tokens: Box<Tokens>,
        /// The error of the later step.
        source: Box<ProviderError>,
    },
    /// The provider could not be reached, was too slow, or was busy. A retry may succeed.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Option<Box<dyn std::error::Error + Send + Sync>>),
    /// The response does not have the expected format.
    #[error("the provider's answer cannot be read")]
    Unreadable,
}

/// How a provider treats refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// The effect of a refresh on the refresh token.
    pub rotation: Rotation,
    /// How long before the access token's expiry a refresh is due, at most half of its lifetime. Jitter is added.
    pub lead_time: SignedDuration,
    /// The lifetime of an unused refresh token, if known. The token is used before half of it is over, even if
    /// the access token is still valid or its expiry is unknown.
    pub refresh_token_lifetime: Option<SignedDuration>,
    /// The maximum number of concurrent refreshes for one provider and environment.
    pub max_in_flight: u32,
    /// The maximum number of refreshes per minute for one provider and environment; `None` means no limit.
    pub max_per_minute: Option<u32>,
    /// Whether the provider revokes the previous tokens only when the new access token is first used. Each
    /// refresh is then followed by one call, so that the tokens of idle connections do not reach the provider's
    /// limit.
    pub confirm: bool,
}

/// The effect of a refresh on the refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The refresh token does not change.
    Reusable,
    /// The refresh token is spent: a second use is rejected.
    SingleUse {
        /// How long after the first use the same request is accepted again, with the same or another new pair.
        grace: Option<SignedDuration>,
        /// Whether a second use after the grace period revokes the complete grant.
        reuse_ends_grant: bool,
    },
}

/// The result of a refresh.
#[derive(Clone, Debug)]
pub struct Refreshed {
    /// A complete pair: if the response has no refresh token, the old one is included (RFC 6749 §6).
    pub tokens: Tokens,
    /// The scopes that are granted from now on, if the response names them.
    pub scopes: Option<Vec<String>>,
}

/// Why a refresh failed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The provider has certainly not processed the request; it can be retried.
    #[error("the provider was not reached")]
    NotReached(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response is missing or incomplete: the provider may have processed the request.
    #[error("the provider's answer was lost")]
    AnswerLost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider did nothing and asks for a pause.
    #[error("the provider limits the request rate")]
    Throttled {
        /// The length of the pause, if the provider names it.
        retry_after: Option<SignedDuration>,
    },
    /// The provider rejects the app; neither the user nor the grant is the cause.
    #[error("the provider refuses the app: {code}")]
    AppRefused {
        /// RFC 6749 §5.2, such as `invalid_client`, or the provider's own.
        code: String,
    },
    /// The provider rejects this refresh token.
    #[error("the provider refuses the grant: {code}")]
    GrantRefused {
        /// `invalid_grant`, the provider's own code, or `no_refresh_token` if there was none to send.
        code: String,
    },
    /// The response does not have the expected format: the provider may have processed the request.
    #[error("the provider's answer cannot be read")]
    Unreadable,
    /// The provider is unknown here, or its tokens are not refreshed.
    #[error("unknown provider")]
    Unknown,
}

/// All providers. Calls use the credentials of an `app`; `None` means the server's own app, if it has one. A
/// provider does not support the methods that an implementation leaves at their default.
#[async_trait]
pub trait Providers: Send + Sync + 'static {
    /// The current catalogue, in the order in which the widget shows it.
    fn list(&self) -> Arc<[ProviderInfo]>;

    /// Whether the server has its own app at a provider, for environments that have none.
    fn has_app(&self, provider: &Provider) -> bool;

    /// The profile names of the provider's recipe.
    fn profiles(&self, _provider: &Provider) -> Vec<String> {
        Vec::new()
    }

    /// The URL to which the end user's browser is sent for a login.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Unknown`], also if there is no app; [`ProviderError::ShutDown`];
    /// [`ProviderError::InsecureCallback`].
    fn authorization_url(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _request: &AuthorizationRequest,
    ) -> Result<Url, ProviderError> {
        Err(ProviderError::Unknown)
    }

    /// Exchanges the code from a redirect for a grant.
    async fn exchange(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _exchange: &CodeExchange,
    ) -> Result<Grant, ProviderError> {
        Err(ProviderError::Unknown)
    }

    /// Checks whether the provider accepts an app. Sends one harmless request that contains no end user's data.
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

    /// The `iss` that the provider's redirects must contain (RFC 9207); `None` if the provider sends none.
    fn issuer(&self, _provider: &Provider) -> Option<String> {
        None
    }

    /// How the provider's tokens are refreshed; `None` if they are not.
    fn refresh_policy(&self, _provider: &Provider) -> Option<RefreshPolicy> {
        None
    }

    /// The providers whose tokens are refreshed, including those that do not offer logins any more.
    fn refreshable_providers(&self) -> Vec<Provider> {
        let listed = self.list();
        let refreshed = listed.iter().filter(|info| self.refresh_policy(&info.provider).is_some());
        refreshed.map(|info| info.provider.clone()).collect()
    }

    /// Spends the refresh token for new tokens. Sends one request; the caller decides about retries.
    async fn refresh(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _tokens: &Tokens,
    ) -> Result<Refreshed, RefreshError> {
        Err(RefreshError::Unknown)
    }

    /// Uses an access token once, if [`RefreshPolicy::confirm`] requires it.
    ///
    /// # Errors
    ///
    /// The provider rejected the token, or was not reached.
    async fn confirm(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _tokens: &Tokens,
    ) -> Result<(), ProviderError> {
        Ok(())
    }

    /// How the provider's revoke call works; `None` if there is none.
    fn revoke_policy(&self, _provider: &Provider) -> Option<RevokePolicy> {
        None
    }

    /// Revokes a grant. Some providers require the `account`.
    async fn revoke(
        &self,
        _provider: &Provider,
        _app: Option<&ClientCredentials>,
        _account: Option<&str>,
        _tokens: &Tokens,
    ) -> Result<Revoked, RevokeError> {
        Err(RevokeError::NoCall)
    }

    /// Parses a notification; `None` if the provider sends none.
    fn read_notification(&self, _provider: &Provider, _body: &[u8]) -> Option<ProviderNotification> {
        None
    }

    /// The response to a provider that verifies the notification endpoint; `None` if the provider does not.
    fn answer_challenge(&self, _provider: &Provider, _query: &[(String, String)]) -> Option<SubscriptionChallenge> {
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
    fn tokens_that_are_issued_again_are_recognised() {
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
