//! How end users log in at a provider.

pub(crate) mod profile;

use std::{collections::BTreeMap, num::NonZeroU32};

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use crate::{
    field::{Endpoint, ExtraParams},
    recipe::{
        account_id::AccountIdSource,
        after_consent::AfterConsent,
        client_auth::ClientAuth,
        login::profile::{Profile, ProfileName},
        notification::NotificationRecipe,
        refresh::Refresh,
        request_style::RequestStyle,
        response_shape::AnswerShape,
        revoke::Revoke,
        scopes::GrantedScopes,
    },
};

/// OAuth 2.0 with an authorization code, and the deviations of the provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// The authorization endpoint.
    pub(crate) authorize_url: Endpoint,
    /// More parameters for the authorize URL.
    #[serde(default)]
    pub(crate) authorize_params: ExtraParams,
    /// The token endpoint.
    pub(crate) token_url: Endpoint,
    /// More parameters for the exchange of a code.
    #[serde(default)]
    pub(crate) token_params: ExtraParams,
    #[serde(default)]
    pub(crate) token_request: RequestStyle,
    pub(crate) client_auth: ClientAuth,
    /// Whether the provider supports PKCE (RFC 7636) with S256.
    #[serde(default = "yes")]
    pub(crate) pkce: bool,
    /// Whether the provider accepts `https` callbacks only.
    #[serde(default)]
    pub(crate) https_only_callback: bool,
    /// The scopes to request; an empty list omits the parameter.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// The scopes that a connection requires.
    #[serde(default)]
    pub(crate) required_scopes: Vec<Spanned<String>>,
    #[serde(default = "scope_parameter")]
    pub(crate) scope_parameter: String,
    #[serde(default = "space")]
    pub(crate) scope_separator: char,
    #[serde(default)]
    pub(crate) granted_scopes: GrantedScopes,
    /// How token responses differ from RFC 6749.
    #[serde(default)]
    pub(crate) answer: AnswerShape,
    /// The lifetime of an access token if the response has none.
    access_ttl_s: Option<NonZeroU32>,
    /// The maximum lifetime of an access token, whatever the response says.
    access_ttl_max_s: Option<NonZeroU32>,
    /// `None` if the provider does not identify the account.
    pub(crate) identity: Option<AccountIdSource>,
    /// The `iss` in redirects (RFC 9207), if the provider sends it.
    pub(crate) issuer: Option<String>,
    /// The call that the provider requires after the end user's consent.
    pub(crate) after_consent: Option<AfterConsent>,
    /// The refresh of tokens, if the provider supports it.
    pub(crate) refresh: Option<Refresh>,
    /// The revocation of a grant, if the provider supports it.
    pub(crate) revoke: Option<Revoke>,
    /// The notification that an end user has revoked access, if the provider sends one.
    pub(crate) notice: Option<NotificationRecipe>,
    /// Other endpoints for some apps. An app names its profile.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<ProfileName, Profile>,
}

/// The lifetime of an access token if neither the response nor the recipe has one. A value that is too short costs refreshes;
/// one that is too long leaves a connection without a valid token.
const ASSUMED_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// The maximum lifetime of an access token that can be refreshed. A response in milliseconds, for example, must not delay the
/// next refresh for years.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

impl Login {
    /// The recipe's lifetime of an access token.
    pub(crate) fn access_ttl(&self) -> Option<SignedDuration> {
        self.access_ttl_s.map(seconds)
    }

    /// The lifetime of a refreshable access token if the response has none.
    pub(crate) fn access_life(&self) -> SignedDuration {
        self.access_ttl().unwrap_or(ASSUMED_LIFE)
    }

    /// The maximum lifetime of a refreshable access token.
    pub(crate) fn longest_access_life(&self) -> SignedDuration {
        self.access_ttl_max_s.map_or(MAX_LIFETIME, seconds).max(self.access_life())
    }

    /// A required scope that is not requested, and its position in the recipe. If no scope is requested, end users choose at the
    /// provider.
    pub(crate) fn unasked_scope(&self) -> Option<&Spanned<String>> {
        if self.scopes.is_empty() && matches!(self.granted_scopes, GrantedScopes::Asked(..)) {
            return None;
        }
        self.required_scopes.iter().find(|scope| !self.scopes.contains(scope.get_ref()))
    }

    /// Formats scopes for the provider.
    pub(crate) fn write_scopes(&self, scopes: &[String]) -> String {
        scopes.join(self.scope_separator.encode_utf8(&mut [0; 4]))
    }

    /// Reads scopes in the provider's format.
    pub(crate) fn read_scopes(&self, text: &str) -> Vec<String> {
        text.split([self.scope_separator, ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }
}

fn seconds(number: NonZeroU32) -> SignedDuration {
    SignedDuration::from_secs(number.get().into())
}

const fn yes() -> bool {
    true
}

const fn space() -> char {
    ' '
}

fn scope_parameter() -> String {
    "scope".to_owned()
}
