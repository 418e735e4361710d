//! How a provider is told that a grant is over.

use serde::Deserialize;
use terra_auth_egress::Method;
use terra_auth_model::provider::{RevokePolicy, RevokeScope};

use crate::{recipe::client_auth::ClientAuth, template::UrlTemplate};

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
    pub(crate) token: TokenToRevoke,
    #[serde(default)]
    pub(crate) sent: TokenPosition,
    #[serde(default = "only_200")]
    pub(crate) success: Vec<u16>,
    /// Statuses that say that the grant is gone already.
    #[serde(default)]
    pub(crate) gone: Vec<u16>,
    /// Error codes that say the same, such as `invalid_token`.
    #[serde(default)]
    pub(crate) gone_errors: Vec<String>,
    #[serde(default)]
    ends: RevocationScope,
}

/// How much a call ends. It is made only when nothing else lives on that.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RevocationScope {
    /// All that the account has granted to the app; the default if the recipe does not say otherwise.
    #[default]
    Account,
    /// The grant of one login, as RFC 7009 §2.1 has it.
    Grant,
}

impl Revoke {
    pub(crate) fn policy(&self) -> RevokePolicy {
        let ends = match self.ends {
            RevocationScope::Account => RevokeScope::Account,
            RevocationScope::Grant => RevokeScope::Grant,
        };
        RevokePolicy { needs_access_token: self.takes_access_token(), ends }
    }

    pub(crate) fn takes_access_token(&self) -> bool {
        matches!(self.token, TokenToRevoke::Access)
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenToRevoke {
    /// The refresh token where there is one: it is what keeps a grant alive.
    #[default]
    Refresh,
    Access,
}

/// How the token travels in a revoke call.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenPosition {
    /// In the body, under this name.
    Form(String),
    /// In the URL, under this name.
    Query(String),
    /// As `Authorization: Bearer`.
    Bearer,
}

impl Default for TokenPosition {
    fn default() -> Self {
        Self::Form("token".to_owned())
    }
}

pub(super) fn only_200() -> Vec<u16> {
    vec![200]
}
