use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApiKey, DevId, KeyId, Scopes, secret::shown_once, wire::lenient};

/// The metadata of an API key, without the key itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminKey {
    /// The id of the key.
    #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
    pub key_id: KeyId,
    /// The operator's name for the key.
    pub name: String,
    /// The last four characters of the key.
    pub hint: String,
    /// The permissions of the key.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::Scope>))]
    pub scopes: Scopes,
    /// When the key was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When the key expires or expired; `null` means never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When the key was last used, accurate to a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_used_at: Option<Timestamp>,
}

/// All API keys of an environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminKeys {
    /// The keys, oldest first.
    pub keys: Vec<AdminKey>,
}

/// Parameters of a new API key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CreateKey {
    /// A name for the key.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    pub name: String,
    /// The permissions of the key; by default all except `access-tokens:read`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::Scope>>))]
    pub scopes: Option<Scopes>,
    /// Days until the key expires, 1 to 1825; by default it never expires.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1825))]
    #[serde(deserialize_with = "lenient::within::<1, 1825, _, _>")]
    pub expires_in_days: Option<u32>,
}

/// A new API key. No later response shows the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedKey {
    /// The dev-id of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The key itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub api_key: ApiKey,
    /// The metadata of the key.
    pub key: AdminKey,
    /// The keys that it replaces. Their `expires_at` says until when they work.
    pub retiring: Vec<AdminKey>,
}

/// Options for the rotation or the revocation of an API key.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct RetireKey {
    /// Seconds that the old key continues to work, a year at most. The default is 86 400 for a rotation and 0 for a
    /// revocation.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_536_000), param(maximum = 31_536_000))]
    #[serde(deserialize_with = "lenient::within::<0, 31_536_000, _, _>")]
    pub overlap_s: Option<u32>,
    /// Revoke the old key at once, because it leaked.
    #[cfg_attr(feature = "openapi", schema(nullable))]
    #[serde(deserialize_with = "lenient::flag")]
    pub now: bool,
    /// Revoke the key although it was used in the last minutes.
    #[cfg_attr(feature = "openapi", schema(nullable))]
    #[serde(deserialize_with = "lenient::flag")]
    pub force: bool,
}
