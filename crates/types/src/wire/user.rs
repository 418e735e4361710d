use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Status, lenient};
use crate::{Provider, UserId, time};

/// A user: a connection of one end user at one provider.
///
/// The server always sends every field, with `null` for an unknown value, because some official clients require it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TerraUser {
    /// The id of the connection.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The source of data, upper case.
    pub provider: Provider,
    /// When the connection was created.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub created_at: Option<Timestamp>,
    /// When an event about the connection was last delivered.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub last_webhook_update: Option<Timestamp>,
    /// Granted permissions, comma-separated; for debugging only.
    #[serde(default)]
    pub scopes: Option<String>,
    /// The app's own id for the end user.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// Whether data updates are sent for the user.
    #[serde(default)]
    pub active: Option<bool>,
}

/// Selects the users to read: exactly one of the two parameters is required.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct UserInfoParams {
    /// One user; the response contains an object.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// All users of one end user; the response contains an array.
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
}

/// The response of a user look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum UserInfoResponse {
    /// The response for a `user_id`.
    User(UserInfo),
    /// The response for a `reference_id`: all users of one end user.
    Users(Vec<TerraUser>),
}

/// One user, and whether it is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserInfo {
    /// The user.
    pub user: UserDetails,
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// `false` for a user whose login is not completed yet.
    #[serde(default)]
    pub is_authenticated: bool,
}

/// A user, with the times of its newest data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserDetails {
    /// The user.
    #[serde(flatten)]
    pub user: TerraUser,
    /// When data was last requested from the provider.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub last_polled_at: Option<Timestamp>,
    /// The time of the newest data point.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub most_recent_data_at: Option<Timestamp>,
}

/// Selects a page of users. Without `page`, the response contains all users.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct SubscriptionsParams {
    /// The page, counted from 0.
    #[cfg_attr(feature = "openapi", param(maximum = 2_147_483_647))]
    #[serde(
        default,
        deserialize_with = "lenient::within::<0, { lenient::INT32 }, _, _>",
        skip_serializing_if = "Option::is_none"
    )]
    pub page: Option<u32>,
    /// Users per page; 500 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 10_000))]
    #[serde(default, deserialize_with = "lenient::within::<1, 10_000, _, _>", skip_serializing_if = "Option::is_none")]
    pub per_page: Option<u32>,
}

/// All users in one response.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscriptions {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// Every connection of the environment.
    pub users: Vec<TerraUser>,
}

/// One page of users. The last page has no `next`; do not rely on `max_page`, because the sources disagree about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscriptionsPage {
    /// The number of the next page.
    #[serde(default)]
    pub next: Option<u32>,
    /// Index of the last page (July 2026 contract) or number of pages (October 2026).
    #[serde(default)]
    pub max_page: u32,
    /// The users on this page.
    pub results: Vec<TerraUser>,
}

/// A list of users. Without `page` it has `users`; with `page` it has the other fields.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscriptionsResponse {
    /// Always `success`.
    pub status: Status,
    /// Every connection of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<TerraUser>, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<TerraUser>>,
    /// The number of the next page; `null` on the last page.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u32>, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Option<u32>>,
    /// The number of pages.
    #[cfg_attr(feature = "openapi", schema(value_type = u32, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_page: Option<u32>,
    /// The users on this page.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<TerraUser>, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Vec<TerraUser>>,
    /// The same page, nested as in the contract of July 2026, where `max_page` is the index of the last page.
    #[cfg_attr(feature = "openapi", schema(value_type = SubscriptionsPage, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<SubscriptionsPage>,
}
