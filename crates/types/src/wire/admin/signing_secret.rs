use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DevId, SigningSecret, secret::shown_once, wire::lenient};

/// Which secret signs while one replaces the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SignWith {
    /// The old one, until the overlap ends: receivers get the new one meanwhile.
    #[default]
    Old,
    /// The new one, at once.
    New,
    /// Both, as two `v1` signatures: only for receivers that read several.
    Both,
}

impl SignWith {
    /// The name, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
            Self::Both => "both",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Old, Self::New, Self::Both].into_iter().find(|choice| choice.as_str() == name)
    }
}

/// How the signing secret is replaced.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RotateSigningSecret {
    /// Seconds until the old one is forgotten, a year at most; 86 400 by default.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_536_000))]
    #[serde(deserialize_with = "lenient::within::<0, 31_536_000, _, _>")]
    pub overlap_s: Option<u32>,
    /// Forget the old one at once: it leaked.
    #[cfg_attr(feature = "openapi", schema(nullable))]
    #[serde(deserialize_with = "lenient::flag")]
    pub now: bool,
    /// Which one signs meanwhile.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<SignWith>))]
    pub sign_with: SignWith,
}

/// A new signing secret; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RotatedSigningSecret {
    /// The environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The new secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub signing_secret: SigningSecret,
    /// When the old one is forgotten; `null` if it is already.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub old_until: Option<Timestamp>,
}
