use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Status, lenient};
use crate::{Provider, UserId, time};

/// A connection of one end user at one provider, as the wire shows it.
///
/// Every field is always sent, `null` where nothing is known: some official clients need it present.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TerraUser {
    /// Names the connection.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The source of data, upper case.
    pub provider: Provider,
    /// When the connection was made.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub created_at: Option<Timestamp>,
    /// When an event about it was last delivered.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub last_webhook_update: Option<Timestamp>,
    /// Granted permissions, comma-separated; for debugging only.
    #[serde(default)]
    pub scopes: Option<String>,
    /// The app's own name for the end user.
    #[serde(default)]
    pub reference_id: Option<String>,
    /// Inactive users get no updates.
    #[serde(default)]
    pub active: Option<bool>,
}

/// Whom to look up: one of the two.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct UserInfoParams {
    /// One user; answered with an object.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// Every user of one end user; answered with an array.
    #[cfg_attr(feature = "openapi", param(min_length = 1, max_length = 512, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
}

/// The answer to a look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum UserInfoAnswer {
    /// By `user_id`.
    User(UserInfo),
    /// By `reference_id`: every user of one end user.
    Users(Vec<TerraUser>),
}

/// One user and whether it is connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserInfo {
    /// The user.
    pub user: UserDetails,
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// False for a user whose login has not happened yet.
    #[serde(default)]
    pub is_authenticated: bool,
}

/// A user with what is known of its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserDetails {
    /// The user.
    #[serde(flatten)]
    pub user: TerraUser,
    /// When the provider was last asked for data.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub last_polled_at: Option<Timestamp>,
    /// The newest data point.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    #[serde(default, with = "time::option")]
    pub most_recent_data_at: Option<Timestamp>,
}

/// Which page of users; without `page`, all of them at once.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct SubscriptionsParams {
    /// Counted from zero.
    #[cfg_attr(feature = "openapi", param(maximum = 2_147_483_647))]
    #[serde(
        default,
        deserialize_with = "lenient::within::<0, { lenient::INT32 }, _, _>",
        skip_serializing_if = "Option::is_none"
    )]
    pub page: Option<u32>,
    /// Users on a page; 500 unless told otherwise.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 10_000))]
    #[serde(default, deserialize_with = "lenient::within::<1, 10_000, _, _>", skip_serializing_if = "Option::is_none")]
    pub per_page: Option<u32>,
}

/// All users at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Subscriptions {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// Every connection of the environment.
    pub users: Vec<TerraUser>,
}

/// One page of users. Stop when `next` is `None`; the sources disagree about `max_page`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscriptionsPage {
    /// The page after this one.
    #[serde(default)]
    pub next: Option<u32>,
    /// Last page's index (July 2026 contract) or number of pages (October 2026).
    #[serde(default)]
    pub max_page: u32,
    /// The users on this page.
    pub results: Vec<TerraUser>,
}

/// The answer to a list of users: `users` without `page`, everything else with it.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SubscriptionsAnswer {
    /// Always `success`.
    pub status: Status,
    /// Every connection of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<TerraUser>, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<TerraUser>>,
    /// The page after this one; `null` on the last one.
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
    /// The same page as the contract of July 2026 nests it, where `max_page` is the index of the last page.
    #[cfg_attr(feature = "openapi", schema(value_type = SubscriptionsPage, required = false))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<SubscriptionsPage>,
}
