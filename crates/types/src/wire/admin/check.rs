use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Provider;

/// What a provider makes of an environment's app, as far as that can be told without an end user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProviderAppCheck {
    /// The provider.
    pub provider: Provider,
    /// What the provider calls the app.
    pub client_id: String,
    /// The newest secret; after it the one before, while one replaces the other.
    pub secrets: Vec<SecretCheck>,
}

/// What a provider makes of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SecretCheck {
    /// Its last four characters; empty for a short one.
    pub hint: String,
    /// When it is forgotten; `null` for the newest.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub until: Option<Timestamp>,
    /// What follows from the provider's answer.
    pub verdict: AppVerdict,
    /// The same for people, with its cause.
    pub why: String,
}

/// What follows from a provider's answer about an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AppVerdict {
    /// It refused a code that it never gave, and did not mind the app.
    Known,
    /// It does not accept the client id with this secret.
    Refused,
    /// It leaves that open.
    Unclear,
    /// There is no answer.
    Unreachable,
}

impl AppVerdict {
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
