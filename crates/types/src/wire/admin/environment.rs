use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::{
    ApiKey, DevId, Environment, Provider, SigningSecret,
    secret::shown_once,
    wire::lenient::{self, present},
};

/// An environment. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEnvironment {
    /// The dev-id of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// Testing, staging or production.
    pub environment: Environment,
    /// `false` rejects every call with the environment's keys.
    pub active: bool,
    /// The number of connected users.
    pub users: u64,
    /// The settings, which can be promoted to another environment.
    #[serde(flatten)]
    pub settings: EnvironmentSettings,
    /// When the environment was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
}

/// The settings of an environment, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnvironmentSettings {
    /// The app's name in the widget.
    pub name: String,
    /// URL of the logo above the widget.
    pub logo_url: Option<Url>,
    /// Color of the widget's buttons, `#rrggbb`.
    pub accent: Option<String>,
    /// The maximum number of connected users; `null` means no limit.
    pub user_limit: Option<u32>,
    /// The providers that the environment offers; `null` means all.
    pub providers: Option<Vec<Provider>>,
    /// URL prefixes that end users may be redirected to. An empty list allows every safe URL.
    #[serde(default)]
    pub redirect_allow_list: Vec<Url>,
    /// URL that events are sent to.
    pub destination: Option<Url>,
    /// Whether an end user who connects an account again keeps the user id. If so, no `user_reauth` is sent, and the
    /// `user_id` that a login link announced is not used.
    #[serde(default)]
    pub keep_user_id: bool,
    /// Whether a mobile token works only if it was created for a reference id. If not, an app that redeems a
    /// token without one chooses the reference id itself, and can choose that of any end user of the
    /// environment.
    #[serde(default)]
    pub bound_tokens_only: bool,
}

/// Changes to an environment. An absent field stays unchanged; `null` clears a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ChangeEnvironment {
    /// The new name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// URL of the new logo.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<Option<Url>>,
    /// The new color, `#rrggbb`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^#[0-9a-fA-F]{6}$"))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub accent: Option<Option<String>>,
    /// The new maximum number of connected users.
    #[cfg_attr(feature = "openapi", schema(maximum = 2_147_483_647))]
    #[serde(deserialize_with = "present_cap", skip_serializing_if = "Option::is_none")]
    pub user_limit: Option<Option<u32>>,
    /// The new list of providers.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub providers: Option<Option<Vec<Provider>>>,
    /// The new allow-list.
    #[cfg_attr(feature = "openapi", schema(max_items = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_allow_list: Option<Vec<Url>>,
    /// The new URL that events are sent to.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub destination: Option<Option<Url>>,
    /// Whether end users who connect an account again keep their user ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_user_id: Option<bool>,
    /// Whether a mobile token works only if it was created for a reference id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound_tokens_only: Option<bool>,
    /// `false` disables the environment; `true` enables it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
}

#[expect(clippy::option_option, reason = "absent and null mean different things")]
fn present_cap<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    lenient::within::<0, { lenient::INT32 }, _, _>(deserializer).map(Some)
}

/// All environments of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEnvironments {
    /// The environments, ordered by dev-id.
    pub environments: Vec<AdminEnvironment>,
}

/// Parameters of a new environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateEnvironment {
    /// Testing, staging or production.
    pub environment: Environment,
    /// The app's name in the widget.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$"))]
    pub name: String,
    /// Whether a mobile token works only if it was created for a reference id.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound_tokens_only: bool,
}

/// The credentials of a new environment. No later response shows them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedEnvironment {
    /// The dev-id of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub dev_id: DevId,
    /// The first API key of the environment.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub api_key: ApiKey,
    /// The secret that signs the environment's webhooks.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    #[serde(serialize_with = "shown_once")]
    pub signing_secret: SigningSecret,
}

/// The contents that are deleted with an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnvironmentContents {
    /// The number of connected users. Their grants are revoked at the providers.
    pub users: u64,
    /// The number of API keys.
    pub api_keys: u64,
    /// The number of events that are not delivered yet.
    pub waiting_deliveries: u64,
}

/// Confirms what a deletion destroys. All three counts are required; the error response lists them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct DeleteEnvironmentParams {
    /// The number of connected users.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub users: Option<u64>,
    /// The number of valid API keys.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub api_keys: Option<u64>,
    /// The number of events that are not delivered yet.
    #[serde(deserialize_with = "lenient::within::<0, { lenient::INT64 }, _, _>")]
    pub waiting_deliveries: Option<u64>,
}

impl DeleteEnvironmentParams {
    /// Returns the counts if all three were given.
    #[must_use]
    pub fn confirmed(self) -> Option<EnvironmentContents> {
        let Self { users, api_keys, waiting_deliveries } = self;
        Some(EnvironmentContents { users: users?, api_keys: api_keys?, waiting_deliveries: waiting_deliveries? })
    }
}

/// The destination of an environment's events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WebhookDestination {
    /// URL that events are sent to. With `null`, events are stored and not sent.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    #[serde(deserialize_with = "Option::deserialize")]
    pub destination: Option<Url>,
}
