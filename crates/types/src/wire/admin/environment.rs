use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::{ApiKey, DevId, Environment, Provider, SigningSecret, secret::shown_once, wire::lenient};

/// An environment, as operators see it. Instants are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEnvironment {
    /// Names it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// Testing, staging or production.
    pub environment: Environment,
    /// False refuses every call with its keys.
    pub active: bool,
    /// How many users are connected.
    pub users: u64,
    /// What can be promoted to another environment.
    #[serde(flatten)]
    pub settings: EnvironmentSettings,
    /// When it was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// The settings of an environment, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// What the widget calls the app.
    pub name: String,
    /// Shown above the widget.
    pub logo_url: Option<Url>,
    /// `#rrggbb`, for the widget's buttons.
    pub accent: Option<String>,
    /// How many users may be connected at once; `null` is no cap.
    pub user_limit: Option<u32>,
    /// The providers it offers; `null` is all.
    pub providers: Option<Vec<Provider>>,
    /// URL prefixes that end users may be sent to; empty is anywhere that is safe.
    #[serde(default)]
    pub redirect_allow_list: Vec<Url>,
    /// Where events are posted.
    pub destination: Option<Url>,
    /// Whether an end user who connects an account again keeps the user id: no `user_reauth` then, and the `user_id` that
    /// a login link named is void.
    #[serde(default)]
    pub keep_user_id: bool,
    /// Whether a mobile token works only if it was minted for a reference id. Without this, an app that redeems a token which
    /// was minted for no reference id names its user itself, and may name any user of the environment.
    #[serde(default)]
    pub bound_tokens_only: bool,
}

/// Changes to an environment. A field that is absent stays; `null` clears it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ChangeEnvironment {
    /// A new name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A new logo.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<Option<Url>>,
    /// A new colour.
    #[cfg_attr(feature = "openapi", schema(pattern = "^#[0-9a-fA-F]{6}$"))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub accent: Option<Option<String>>,
    /// A new cap.
    #[cfg_attr(feature = "openapi", schema(maximum = 2_147_483_647))]
    #[serde(deserialize_with = "present_cap", skip_serializing_if = "Option::is_none")]
    pub user_limit: Option<Option<u32>>,
    /// Other providers.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub providers: Option<Option<Vec<Provider>>>,
    /// Another allow-list.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_allow_list: Option<Vec<Url>>,
    /// Another destination.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub destination: Option<Option<Url>>,
    /// Whether end users who come back keep their user ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_user_id: Option<bool>,
    /// Whether a mobile token works only if it was minted for a reference id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_tokens_only: Option<bool>,
    /// False disables the environment, true enables it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

#[expect(clippy::option_option, reason = "absent and null mean different things")]
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[expect(clippy::option_option, reason = "absent and null mean different things")]
fn present_cap<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    lenient::within::<0, { lenient::INT32 }, _, _>(deserializer).map(Some)
}

/// All environments of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEnvironments {
    /// By dev-id.
    pub environments: Vec<AdminEnvironment>,
}

/// What a new environment is made with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateEnvironment {
    /// Testing, staging or production.
    pub environment: Environment,
    /// What the widget calls the app.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    pub name: String,
    /// Whether a mobile token works only if it was minted for a reference id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound_tokens_only: bool,
}

/// The credentials of a new environment; shown once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedEnvironment {
    /// Names it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// Its first key.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub api_key: ApiKey,
    /// Signs its events.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub signing_secret: SigningSecret,
}

/// What is lost with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnvironmentContents {
    /// Connected users; their grants are revoked at the providers.
    pub users: u64,
    /// API keys.
    pub api_keys: u64,
    /// Events that wait to be delivered.
    pub waiting_deliveries: u64,
}

/// What whoever deletes an environment knows of it. All three are needed; the refusal names them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DeleteEnvironmentParams {
    /// How many users are connected.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub users: Option<u64>,
    /// How many API keys work.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub api_keys: Option<u64>,
    /// How many events wait.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub waiting_deliveries: Option<u64>,
}

impl DeleteEnvironmentParams {
    /// The counts, if all were given.
    #[must_use]
    pub fn confirmed(self) -> Option<EnvironmentContents> {
        let Self { users, api_keys, waiting_deliveries } = self;
        Some(EnvironmentContents { users: users?, api_keys: api_keys?, waiting_deliveries: waiting_deliveries? })
    }
}

/// Where an environment's events are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookDestination {
    /// `null` keeps events without sending them.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(deserialize_with = "Option::deserialize")]
    pub destination: Option<Url>,
}
