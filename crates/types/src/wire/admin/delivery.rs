use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{DestinationId, EventId, ReferenceId, UserId, wire::lenient};

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Another attempt is due.
    Waiting,
    /// The destination accepted the event.
    Delivered,
    /// All attempts failed.
    Failed,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Parses the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Selects deliveries of an environment. Every field is optional, and all of them must match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryParams {
    /// Deliveries to this destination.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    pub destination_id: Option<DestinationId>,
    /// Events of this type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Events about this user.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    pub user_id: Option<UserId>,
    /// Events about this end user.
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>))]
    pub reference_id: Option<ReferenceId>,
    /// Deliveries in this state.
    #[cfg_attr(feature = "openapi", param(inline))]
    pub state: Option<DeliveryState>,
    /// Events at or after this instant.
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>, format = DateTime))]
    pub since: Option<Timestamp>,
    /// Events before this instant.
    #[cfg_attr(feature = "openapi", param(value_type = Option<String>, format = DateTime))]
    pub until: Option<Timestamp>,
    /// The `next` value of the previous page.
    #[cfg_attr(
        feature = "openapi",
        param(pattern = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
    )]
    pub after: Option<String>,
    /// Maximum number of deliveries, up to 500; 100 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
    pub limit: Option<u32>,
}

/// An event for one destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminDelivery {
    /// The event; the destination gets it as `X-Terra-Trace-Id`.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub event_id: EventId,
    /// The destination.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub destination_id: DestinationId,
    /// The URL of the destination.
    pub url: Url,
    /// The type of the event.
    pub r#type: String,
    /// The user that the event is about.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    pub user_id: Option<UserId>,
    /// The end user that the event is about.
    pub reference_id: Option<ReferenceId>,
    /// When the change happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// The state.
    pub state: DeliveryState,
    /// The number of attempts since the event was created or replayed.
    pub attempts: u32,
    /// When the latest attempt started.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub attempted_at: Option<Timestamp>,
    /// When the next attempt is due; `null` for a finished delivery.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_attempt_at: Option<Timestamp>,
    /// The status of the latest response.
    pub status: Option<u16>,
    /// Why the latest attempt failed.
    pub error: Option<String>,
}

/// A page of deliveries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminDeliveries {
    /// The deliveries, newest event first.
    pub deliveries: Vec<AdminDelivery>,
    /// The `after` parameter of the next page; `null` on the last page.
    pub next: Option<String>,
}

/// An attempt to deliver an event. A duration is in milliseconds, and `null` if the attempt did not reach its phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminDeliveryAttempt {
    /// The destination.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub destination_id: DestinationId,
    /// The number of the attempt, from 1. It restarts with a replay.
    pub number: u32,
    /// When the attempt ended.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub attempted_at: Timestamp,
    /// The status of the response.
    pub status: Option<u16>,
    /// Why the attempt failed.
    pub error: Option<String>,
    /// The first KiB of the response body.
    pub response: Option<String>,
    /// The resolution of the host name.
    pub dns_ms: Option<u32>,
    /// The TCP connection.
    pub connect_ms: Option<u32>,
    /// The TLS handshake.
    pub tls_ms: Option<u32>,
    /// The time from the request to the head of the response, including a new connection.
    pub first_byte_ms: Option<u32>,
    /// The complete attempt.
    pub total_ms: u32,
}

/// An event with its deliveries.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEvent {
    /// The id of the event.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub event_id: EventId,
    /// The type.
    pub r#type: String,
    /// When the change happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// The body.
    pub payload: Value,
    /// The deliveries, one for each destination.
    pub deliveries: Vec<AdminDelivery>,
    /// All attempts, oldest first.
    pub attempts: Vec<AdminDeliveryAttempt>,
}

/// Selects the deliveries to send again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ReplayDeliveries {
    /// This event, also if it was not sent to a destination yet. Otherwise, the other fields select deliveries.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    pub event_id: Option<EventId>,
    /// Deliveries to this destination.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    pub destination_id: Option<DestinationId>,
    /// Events of this type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Events about this user.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<uuid::Uuid>))]
    pub user_id: Option<UserId>,
    /// Events about this end user.
    pub reference_id: Option<ReferenceId>,
    /// Deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Events at or after this instant.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub since: Option<Timestamp>,
    /// Events before this instant.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub until: Option<Timestamp>,
    /// Only count the deliveries.
    pub dry_run: bool,
}

/// The result of a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayedDeliveries {
    /// The number of selected deliveries.
    pub selected: u64,
    /// The number of deliveries that are due again; 0 with `dry_run`.
    pub replayed: u64,
}

/// A test event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TriggerEvent {
    /// The body of the event, with its `type`. It must match the schema of the type.
    pub payload: Value,
}

/// A stored test event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TriggeredEvent {
    /// The id of the event; destinations get it as `X-Terra-Trace-Id`.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub event_id: EventId,
    /// The number of destinations that accept the event.
    pub deliveries: u64,
}
