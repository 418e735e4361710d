//! How a provider is told that a grant is over.

use serde::Deserialize;

use super::login::{ClientAuth, Method};
use crate::template::UrlTemplate;

/// How a grant is revoked. The defaults are those of RFC 7009.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    /// May hold `{account}` and `{client_id}`.
    pub(crate) url: UrlTemplate,
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

pub(super) fn only_200() -> Vec<u16> {
    vec![200]
}
