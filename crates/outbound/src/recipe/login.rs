//! How end users log in at a provider.

use std::{collections::BTreeMap, num::NonZeroU32};

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use super::{
    after_consent::AfterConsent,
    answer_shape::AnswerShape,
    identity::Identity,
    notice::Notice,
    profile::{Profile, ProfileName},
    refresh::Refresh,
    request_style::RequestStyle,
    revoke::Revoke,
    scopes::GrantedScopes,
};
use crate::field::{Endpoint, ExtraParams};

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
    /// What to ask for; nothing leaves the parameter out.
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
    /// `None` where the provider tells nobody whose account it is.
    pub(crate) identity: Option<Identity>,
    /// What `iss` says in redirects (RFC 9207), if the provider sends it.
    pub(crate) issuer: Option<String>,
    /// What the provider wants to be told once the end user has agreed.
    pub(crate) after_consent: Option<AfterConsent>,
    /// How tokens are refreshed, if they are.
    pub(crate) refresh: Option<Refresh>,
    /// How a grant is revoked, if the provider offers it.
    pub(crate) revoke: Option<Revoke>,
    /// How the provider tells that an end user took access back, if it does.
    pub(crate) notice: Option<Notice>,
    /// Other endpoints for some apps, which name the profile that they use.
    #[serde(default)]
    pub(crate) profiles: BTreeMap<ProfileName, Profile>,
}

/// How the app proves who it is (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// `client_id` and `client_secret` among the parameters.
    Body,
}

/// How a call is made.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Post,
    Get,
    Delete,
}

/// Where neither the answer nor the recipe says how long an access token works. Too short a time costs a refresh too many; too
/// long a time leaves a connection without a token that works.
const ASSUMED_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// The longest that an access token is believed to work where tokens are refreshed. An answer in milliseconds, say, must not
/// put the next refresh off for years.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

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
        self.access_ttl_max_s.map_or(LONGEST_LIFE, seconds).max(self.access_life())
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
