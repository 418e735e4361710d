//! The revocation of grants.

use serde::Deserialize;
use terra_auth_egress::Method;
use terra_auth_model::provider::{RevokePolicy, RevokeScope};

use crate::{recipe::client_auth::ClientAuth, template::UrlTemplate};

/// The revocation of a grant. The defaults are those of RFC 7009.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Revoke {
    /// The endpoint. It can contain `{account}` and `{client_id}`.
    pub(crate) url: UrlTemplate,
    #[serde(default)]
    pub(crate) method: Method,
    /// `None` if the token is sufficient.
    pub(crate) client_auth: Option<ClientAuth>,
    #[serde(default)]
    pub(crate) token: TokenToRevoke,
    #[serde(default)]
    pub(crate) sent: TokenPosition,
    #[serde(default = "only_200")]
    pub(crate) success: Vec<u16>,
    /// Statuses that mean that the grant does not exist any more.
    #[serde(default)]
    pub(crate) gone: Vec<u16>,
    /// Error codes with the same meaning, such as `invalid_token`.
    #[serde(default)]
    pub(crate) gone_errors: Vec<String>,
    #[serde(default)]
    ends: RevocationScope,
}

/// The scope of a revocation. The call is made only if no other connection depends on it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RevocationScope {
    /// All grants of the account to the app. This is the default.
    #[default]
    Account,
    /// The grant of one login (RFC 7009 §2.1).
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
    /// The refresh token if there is one, because it keeps the grant valid.
    #[default]
    Refresh,
    Access,
}

/// The position of the token in a revocation request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TokenPosition {
    /// A field of the form.
    Form(String),
    /// A query parameter.
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
