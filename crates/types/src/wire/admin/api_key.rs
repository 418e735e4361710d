use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ApiKey, DevId, KeyId, Scopes, secret::shown_once, wire::lenient};

/// An API key, without the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminKey {
    /// Names the key.
    #[cfg_attr(feature = "openapi", schema(value_type = Uuid))]
    pub key_id: KeyId,
    /// What the operator calls it.
    pub name: String,
    /// Its last four characters.
    pub hint: String,
    /// What it may be used for.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::Scope>))]
    pub scopes: Scopes,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When it stops, or stopped, working; `null` is never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_used_at: Option<Timestamp>,
}

/// All keys of an environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminKeys {
    /// Oldest first.
    pub keys: Vec<AdminKey>,
}

/// What a new key is made with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CreateKey {
    /// What to call it.
    #[cfg_attr(
        feature = "openapi",
        schema(required = true, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")
    )]
    pub name: String,
    /// What it may be used for; all that is usual by default, see [`Scopes::USUAL`].
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::Scope>>))]
    pub scopes: Option<Scopes>,
    /// Days until it stops working, 1 to 1825; never by default.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 1825))]
    #[serde(deserialize_with = "lenient::within::<1, 1825, _, _>")]
    pub expires_in_days: Option<u32>,
}

/// A new key; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedKey {
    /// The environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The key itself.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub api_key: ApiKey,
    /// What is known of it from now on.
    pub key: AdminKey,
    /// Which keys it replaces, and until when they work.
    pub retiring: Vec<AdminKey>,
}

/// How a key is replaced or ended.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema, utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct RetireKey {
    /// Seconds that the old one goes on working, a year at most; by default 86 400 for a rotation, and 0 for an end.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_536_000), param(maximum = 31_536_000))]
    #[serde(deserialize_with = "lenient::within::<0, 31_536_000, _, _>")]
    pub overlap_s: Option<u32>,
    /// End it at once: it leaked.
    #[cfg_attr(feature = "openapi", schema(nullable))]
    #[serde(deserialize_with = "lenient::flag")]
    pub now: bool,
    /// End it although it was used in the last minutes.
    #[cfg_attr(feature = "openapi", schema(nullable))]
    #[serde(deserialize_with = "lenient::flag")]
    pub force: bool,
}
