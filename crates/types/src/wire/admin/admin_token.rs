use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    secret::{AdminToken, shown_once},
    wire::lenient,
};

/// The permissions of an admin token. Each role includes the roles before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Read everything except secrets.
    ReadOnly,
    /// Change keys, secrets and settings of environments.
    Operator,
    /// Create and delete environments and admin tokens.
    Owner,
}

impl Role {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }

    /// Parses the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadOnly, Self::Operator, Self::Owner].into_iter().find(|role| role.as_str() == name)
    }
}

/// Parameters of a new admin token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateAdminToken {
    /// The owner of the token.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    pub name: String,
    /// The role of the token.
    pub role: Role,
    /// Days until the token expires, 1 to 365; 30 by default.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 365))]
    #[serde(default, deserialize_with = "lenient::within::<1, 365, _, _>")]
    pub expires_in_days: Option<u32>,
}

/// The metadata of an admin token, without the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTokenInfo {
    /// The id of the token.
    pub token_id: Uuid,
    /// The owner of the token.
    pub name: String,
    /// The role of the token.
    pub role: Role,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When the token expires; `null` means never (only the bootstrap token).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
}

/// All admin tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTokens {
    /// The tokens, oldest first.
    pub tokens: Vec<AdminTokenInfo>,
}

/// A new admin token. No later response shows the token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedAdminToken {
    /// The token itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub token: AdminToken,
    /// The metadata of the token.
    pub info: AdminTokenInfo,
}
