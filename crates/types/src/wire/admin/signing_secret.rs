use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DevId, SigningSecret, secret::shown_once, wire::lenient};

/// Selects the secret that signs during the overlap of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SignWith {
    /// The old secret, until the overlap ends. Meanwhile, receivers can be given the new one.
    #[default]
    Old,
    /// The new secret, at once.
    New,
    /// Both secrets, as two `v1` signatures: only for receivers that accept several.
    Both,
}

impl SignWith {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Both => "both",
        }
    }

    /// Parses the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Old, Self::New, Self::Both].into_iter().find(|choice| choice.as_str() == name)
    }
}

/// Options for the rotation of a signing secret.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RotateSigningSecret {
    /// Seconds until the old secret is deleted, a year at most; 86 400 by default.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_536_000))]
    #[serde(deserialize_with = "lenient::within::<0, 31_536_000, _, _>")]
    pub overlap_s: Option<u32>,
    /// Whether to delete the old secret at once, because it leaked.
    #[cfg_attr(feature = "openapi", schema(nullable))]
    #[serde(deserialize_with = "lenient::flag")]
    pub now: bool,
    /// The secret that signs until then.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<SignWith>))]
    pub sign_with: SignWith,
}

/// A new signing secret. No later response shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedSigningSecret {
    /// The dev-id of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The new secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub signing_secret: SigningSecret,
    /// When the old secret is deleted; `null` if it already is.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub old_until: Option<Timestamp>,
}
