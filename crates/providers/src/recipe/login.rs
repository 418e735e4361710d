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

/// OAuth 2.0 with an authorization code, and where the provider goes its own way.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// Where the browser goes.
    pub(crate) authorize_url: Endpoint,
    /// More parameters for the authorize URL.
    #[serde(default)]
    pub(crate) authorize_params: ExtraParams,
    /// Where codes become tokens.
    pub(crate) token_url: Endpoint,
    /// More parameters for the exchange of a code.
    #[serde(default)]
    pub(crate) token_params: ExtraParams,
    #[serde(default)]
    pub(crate) token_request: RequestStyle,
    pub(crate) client_auth: ClientAuth,
    /// Whether the provider takes PKCE (RFC 7636) with S256.
    #[serde(default = "yes")]
    pub(crate) pkce: bool,
    /// Whether the provider sends end users back over `https` only.
    #[serde(default)]
    pub(crate) https_only_callback: bool,
    /// The scopes to request; an empty list omits the parameter.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// Those without which a connection is of no use.
    #[serde(default)]
    pub(crate) required_scopes: Vec<Spanned<String>>,
    #[serde(default = "scope_parameter")]
    pub(crate) scope_parameter: String,
    #[serde(default = "space")]
    pub(crate) scope_separator: char,
    #[serde(default)]
    pub(crate) granted_scopes: GrantedScopes,
    /// How token answers differ from RFC 6749.
    #[serde(default)]
    pub(crate) answer: AnswerShape,
    /// How long an access token works, where the answer does not say.
    access_ttl_s: Option<NonZeroU32>,
    /// The longest that an access token is believed to work, whatever the answer says.
    access_ttl_max_s: Option<NonZeroU32>,
    /// `None` if the provider does not identify the account.
    pub(crate) identity: Option<AccountIdSource>,
    /// What `iss` says in redirects (RFC 9207), if the provider sends it.
    pub(crate) issuer: Option<String>,
    /// The call that the provider expects after the end user's consent.
    pub(crate) after_consent: Option<AfterConsent>,
    /// How tokens are refreshed, if they are.
    pub(crate) refresh: Option<Refresh>,
    /// How a grant is revoked, if the provider offers it.
    pub(crate) revoke: Option<Revoke>,
    /// How the provider tells that an end user took access back, if it does.
    pub(crate) notice: Option<NotificationRecipe>,
    /// Other endpoints for some apps, which name the profile that they use.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<ProfileName, Profile>,
}

/// Where neither the answer nor the recipe says how long an access token works. Too short a time costs a refresh too many; too
/// long a time leaves a connection without a token that works.
const ASSUMED_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// The longest that an access token is believed to work where tokens are refreshed. An answer in milliseconds, say, must not
/// put the next refresh off for years.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

impl Login {
    /// How long an access token works, as the recipe says.
    pub(crate) fn access_ttl(&self) -> Option<SignedDuration> {
        self.access_ttl_s.map(seconds)
    }

    /// How long an access token that can be refreshed is taken to work where the answer does not say.
    pub(crate) fn access_life(&self) -> SignedDuration {
        self.access_ttl().unwrap_or(ASSUMED_LIFE)
    }

    /// The longest that an access token that can be refreshed is taken to work.
    pub(crate) fn longest_access_life(&self) -> SignedDuration {
        self.access_ttl_max_s.map_or(MAX_LIFETIME, seconds).max(self.access_life())
    }

    /// A required scope that is not asked for, and where the recipe says so. Where no scope is asked for at all, end users
    /// choose at the provider.
    pub(crate) fn unasked_scope(&self) -> Option<&Spanned<String>> {
        if self.scopes.is_empty() && matches!(self.granted_scopes, GrantedScopes::Asked(..)) {
            return None;
        }
        self.required_scopes.iter().find(|scope| !self.scopes.contains(scope.get_ref()))
    }

    /// Scopes as the provider writes them.
    pub(crate) fn write_scopes(&self, scopes: &[String]) -> String {
        scopes.join(self.scope_separator.encode_utf8(&mut [0; 4]))
    }

    /// Reads scopes that the provider wrote.
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
