use serde::{Deserialize, Serialize};

use super::{Status, lenient};

/// The names of all providers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Integrations {
    /// Providers that are connected through a login in the browser.
    pub providers: Vec<String>,
    /// Providers that are connected on the device, through the mobile SDK.
    #[serde(default, alias = "sdk_resource")]
    pub sdk_providers: Vec<String>,
    /// All providers; those connected on the device come last. An addition of ours, because the published guides read
    /// it. Clients use an empty list if it is absent or has another shape.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub integrations: Vec<IntegrationName>,
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
}

/// The name and the logo of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IntegrationName {
    /// The name to show to people.
    pub name: String,
    /// The name to use in requests, such as `FITBIT`.
    pub resource: String,
    /// Absolute URL of the logo. It needs no credentials.
    pub logo_url: String,
}

/// Selects the providers to describe.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
pub struct DetailedParams {
    /// Whether to include the providers that are connected on the device.
    #[serde(default, deserialize_with = "lenient::bool", skip_serializing_if = "Option::is_none")]
    pub sdk: Option<bool>,
}

/// All providers, with details.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IntegrationsDetailed {
    /// Always `success`.
    #[serde(default)]
    pub status: Status,
    /// The providers, in the order of the widget.
    pub providers: Vec<Integration>,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Integration {
    /// The name to use in requests, such as `FITBIT`.
    #[serde(alias = "resource")]
    pub provider: String,
    /// The name to show to people.
    pub name: String,
    /// URL of the logo; empty if the response has none.
    #[serde(default, alias = "logo_url", deserialize_with = "lenient::text")]
    pub icon: String,
    /// Says who manages the provider's API keys, such as `API_KEYS_MANAGED`; empty if the response has no value.
    #[serde(default, deserialize_with = "lenient::text")]
    pub setup: String,
    /// Whether this environment offers the provider.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// The kinds of data that the provider has.
    #[serde(default)]
    pub types: DataTypes,
}

const fn enabled() -> bool {
    true
}

/// The kinds of data that a provider has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "the wire has one flag for each kind")]
pub struct DataTypes {
    /// Workouts.
    pub activity: bool,
    /// Measurements of the body.
    pub body: bool,
    /// Food.
    pub nutrition: bool,
    /// Daily summaries.
    pub daily: bool,
    /// Sleep.
    pub sleep: bool,
    /// Menstruation.
    pub menstruation: bool,
}
