use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Provider, ProviderToken, ReferenceId, UserId, wire::lenient};

/// A connection on its way from one system to another. Instants are RFC 3339.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PortableConnection {
    /// Names the connection; a new one is drawn for one that comes without.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The source of data.
    pub provider: Provider,
    /// The provider's own id for the account, 1 to 512 bytes.
    pub account: String,
    /// The app's own name for the end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<ReferenceId>,
    /// Granted permissions, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// Whether updates are sent for it; true by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// When it was made; by default now.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// For the provider's data calls. An import needs it; an export has it only if it was asked for.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<ProviderToken>,
    /// For the next access token.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<ProviderToken>,
    /// When the access token ends. Where nobody knows it is refreshed at once, if it can be.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Connections to be taken over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ImportConnections {
    /// At most 500, each judged by itself.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    #[serde(deserialize_with = "lenient::objects")]
    pub connections: Vec<PortableConnection>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Connections that earlier dry runs would have made: they count against the user limit.
    #[serde(deserialize_with = "lenient::count")]
    pub counted: u64,
    /// Send an `auth` event for each new connection.
    pub announce: bool,
}

/// What became of connections that were to be taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportedConnections {
    /// How many are new.
    pub imported: u64,
    /// How many were there already, with the same account, provider and reference id. They stay as they are.
    pub kept: u64,
    /// Which are not there, and why.
    pub refused: Vec<RefusedConnection>,
}

/// A connection that was not taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedConnection {
    /// Its place in the request, from 0.
    pub index: u32,
    /// The reason, for people.
    pub reason: String,
    /// Whether the environment has as many users as it may have.
    pub user_limit: bool,
}

/// Which connections, and how much of them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct ExportParams {
    /// Connections after this one; from the beginning by default.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    pub after: Option<UserId>,
    /// How many, 500 at most and by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
    pub limit: Option<u32>,
    /// With the providers' tokens; only owners may see them.
    #[serde(deserialize_with = "lenient::flag")]
    pub with_tokens: bool,
}

/// A part of an environment's connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortableConnections {
    /// By id.
    pub connections: Vec<PortableConnection>,
    /// `after` of the next page; `null` at the end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    pub next: Option<UserId>,
}
