use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    secret::{AdminToken, shown_once},
    wire::lenient,
};

/// What an admin may do; each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Look at everything but secrets.
    ReadOnly,
    /// Keys, secrets and settings of environments.
    Operator,
    /// Environments and admins themselves.
    Owner,
}

impl Role {
    /// The name, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::ReadOnly, Self::Operator, Self::Owner].into_iter().find(|role| role.as_str() == name)
    }
}

/// What a new admin token is made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateAdminToken {
    /// Whose token it is.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Days until it stops working, 1 to 365; 30 by default.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 365))]
    #[serde(default, deserialize_with = "lenient::within::<1, 365, _, _>")]
    pub expires_in_days: Option<u32>,
}

/// An admin token, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTokenInfo {
    /// Names it.
    pub token_id: Uuid,
    /// Whose token it is.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it stops working; `null` is never (the bootstrap token only).
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
}

/// All admin tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminTokens {
    /// Oldest first.
    pub tokens: Vec<AdminTokenInfo>,
}

/// A new admin token; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedAdminToken {
    /// The token itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub token: AdminToken,
    /// What is known of it from now on.
    pub info: AdminTokenInfo,
}
