use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Provider;

/// The result of checking an environment's provider app, as far as possible without an end user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderAppCheck {
    /// The provider.
    pub provider: Provider,
    /// The client id of the app.
    pub client_id: String,
    /// The newest secret and, while it replaces an older one, the older one after it.
    pub secrets: Vec<SecretCheck>,
}

/// The result of checking one client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretCheck {
    /// The last four characters of the secret; empty for a short secret.
    pub hint: String,
    /// When the server deletes the secret; `null` for the newest.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub until: Option<Timestamp>,
    /// The verdict on the provider's response.
    pub verdict: AppCheckVerdict,
    /// The verdict for people, with its cause.
    pub why: String,
}

/// Whether a provider accepts an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AppCheckVerdict {
    /// The provider rejected an invented authorization code, but not the app.
    Known,
    /// The provider does not accept the client id with this secret.
    Refused,
    /// The provider's response was inconclusive.
    Unclear,
    /// The provider did not respond.
    Unreachable,
}

impl AppCheckVerdict {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::Refused => "refused",
            Self::Unclear => "unclear",
            Self::Unreachable => "unreachable",
        }
    }
}
