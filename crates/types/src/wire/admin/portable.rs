use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Provider, ProviderToken, ReferenceId, UserId, wire::lenient};

/// A connection for import into, or export from, a server. Times are RFC 3339.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PortableConnection {
    /// The user id of the connection. An import without one generates it.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The source of data.
    pub provider: Provider,
    /// The provider's own id for the account, 1 to 512 bytes.
    pub account: String,
    /// The app's own id for the end user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<ReferenceId>,
    /// Granted permissions, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// Whether updates are sent for the connection; true by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// When the connection was created; by default the time of the import.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Access token for the provider's data calls. An import requires it; an export contains it only on request.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<ProviderToken>,
    /// Refresh token, to request the next access token.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<ProviderToken>,
    /// When the access token expires. If this is unknown, the token is refreshed at once, if possible.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Connections to import.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ImportConnections {
    /// The connections, at most 500. Each is accepted or rejected on its own.
    #[cfg_attr(feature = "openapi", schema(max_items = 500))]
    #[serde(deserialize_with = "lenient::objects")]
    pub connections: Vec<PortableConnection>,
    /// Whether to report the result without importing anything.
    pub dry_run: bool,
    /// The number of connections that earlier dry runs would have created. They count towards the user limit.
    #[serde(deserialize_with = "lenient::count")]
    pub counted: u64,
    /// Whether to send an `auth` event for each new connection.
    pub announce: bool,
}

/// The result of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportedConnections {
    /// The number of new connections.
    pub imported: u64,
    /// The number of connections that existed already, with the same account, provider and reference id. They are
    /// unchanged.
    pub kept: u64,
    /// The rejected connections.
    pub refused: Vec<RefusedConnection>,
}

/// A connection that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedConnection {
    /// The position of the connection in the request, from 0.
    pub index: u32,
    /// The reason, for people.
    pub reason: String,
    /// Whether the environment has reached its user limit.
    pub user_limit: bool,
}

/// Selects a page of connections, with or without tokens.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct ExportParams {
    /// Return the connections after this user id; from the first connection by default.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    pub after: Option<UserId>,
    /// Maximum number of connections, up to 500; 500 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
    pub limit: Option<u32>,
    /// Whether to include the providers' tokens; requires the role `owner`.
    #[serde(deserialize_with = "lenient::flag")]
    pub with_tokens: bool,
}

/// A page of an environment's connections.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortableConnections {
    /// The connections, ordered by user id.
    pub connections: Vec<PortableConnection>,
    /// The `after` parameter of the next page; `null` on the last page.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    pub next: Option<UserId>,
}
