//! One provider as data.

use serde::Deserialize;
use terra_auth_core::provider::{Connects, ProviderInfo};
use terra_auth_types::{Provider, wire::DataTypes};

use crate::field::{Endpoint, ExtraParams, FieldPath};

/// One provider. Without a login it is connected on the device, through the mobile SDK.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// The name in requests.
    pub(crate) provider: Provider,
    /// The name for people.
    name: String,
    /// The kinds of data it has.
    #[serde(deserialize_with = "data_types")]
    types: DataTypes,
    pub(crate) login: Option<Login>,
}

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
    pub(crate) client_auth: ClientAuth,
    /// Whether the provider takes PKCE (RFC 7636) with S256.
    #[serde(default = "yes")]
    pub(crate) pkce: bool,
    /// What to ask for; nothing leaves the parameter out.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default = "space")]
    pub(crate) scope_separator: char,
    /// Where the token answer tells what was granted; an answer without it granted everything (RFC 6749 §5.1).
    #[serde(default = "scope_field")]
    pub(crate) granted_scopes: FieldPath,
    pub(crate) identity: Identity,
    /// What `iss` says in redirects (RFC 9207), if the provider sends it.
    pub(crate) issuer: Option<String>,
    /// How a grant is revoked, if the provider offers it.
    pub(crate) revoke: Option<Revoke>,
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

/// Where the provider tells whose account it is: in the token answer, or at a URL that takes the access token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) url: Option<Endpoint>,
    pub(crate) field: FieldPath,
}

/// How a grant is revoked. The defaults are those of RFC 7009.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    pub(crate) url: Endpoint,
    #[serde(default)]
    pub(crate) method: Method,
    /// None where the token alone is enough.
    pub(crate) client_auth: Option<ClientAuth>,
    #[serde(default)]
    pub(crate) token: WhichToken,
    #[serde(default)]
    pub(crate) sent: Sent,
    #[serde(default = "only_200")]
    pub(crate) success: Vec<u16>,
    /// Statuses that say that the grant is gone already.
    #[serde(default)]
    pub(crate) gone: Vec<u16>,
    /// Error codes that say the same, such as `invalid_token`.
    #[serde(default)]
    pub(crate) gone_errors: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Post,
    Get,
    Delete,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhichToken {
    /// The refresh token where there is one: it is what keeps a grant alive.
    #[default]
    Refresh,
    Access,
}

/// How the token travels in a revoke call.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sent {
    /// In the body, under this name.
    Form(String),
    /// In the URL, under this name.
    Query(String),
    /// As `Authorization: Bearer`.
    Bearer,
}

impl Default for Sent {
    fn default() -> Self {
        Self::Form("token".to_owned())
    }
}

impl Recipe {
    pub(crate) fn info(&self) -> ProviderInfo {
        let connects = if self.login.is_some() { Connects::ByLogin } else { Connects::OnDevice };
        ProviderInfo { provider: self.provider.clone(), name: self.name.clone(), connects, types: self.types }
    }
}

/// A list of kinds, such as `["activity", "sleep"]`.
fn data_types<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DataTypes, D::Error> {
    let kinds = Vec::<Kind>::deserialize(deserializer)?;
    let has = |kind| kinds.contains(&kind);
    Ok(DataTypes {
        activity: has(Kind::Activity),
        body: has(Kind::Body),
        nutrition: has(Kind::Nutrition),
        daily: has(Kind::Daily),
        sleep: has(Kind::Sleep),
        menstruation: has(Kind::Menstruation),
    })
}

#[derive(PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Activity,
    Body,
    Nutrition,
    Daily,
    Sleep,
    Menstruation,
}

const fn yes() -> bool {
    true
}

const fn space() -> char {
    ' '
}

fn scope_field() -> FieldPath {
    FieldPath::of("scope")
}

fn only_200() -> Vec<u16> {
    vec![200]
}
