use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{DestinationId, wire::lenient::present};

/// A URL to which the events of an environment are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminDestination {
    /// The id.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub destination_id: DestinationId,
    /// The URL.
    pub url: Url,
    /// The event types that are sent; `null` is all.
    pub event_types: Option<Vec<String>>,
    /// A description for people.
    pub description: Option<String>,
    /// Whether events are sent. A disabled destination gets no new events, and its waiting deliveries are paused.
    pub enabled: bool,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// The destinations of an environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminDestinations {
    /// The destinations, oldest first.
    pub destinations: Vec<AdminDestination>,
}

/// Creates a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateDestination {
    /// The URL: https, or http on loopback.
    pub url: Url,
    /// The event types that are sent; all if absent.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 20))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Vec<String>>,
    /// A description for people, 1 to 100 bytes.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Changes to a destination. An absent field stays unchanged; `null` clears a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ChangeDestination {
    /// The new URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// The new event types; `null` is all.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 20))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub event_types: Option<Option<Vec<String>>>,
    /// The new description.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// Whether events are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}
