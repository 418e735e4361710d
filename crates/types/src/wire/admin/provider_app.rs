use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::{ClientSecret, Provider, secret::shown_once, wire::lenient};

/// An operator's app at a provider, for one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetProviderApp {
    /// What the provider calls the app.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096, pattern = r"^[\x20-\x7e]+$"))]
    pub client_id: String,
    /// Its secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 4096, pattern = r"^[\x20-\x7e]+$"))]
    #[serde(serialize_with = "shown_once")]
    pub client_secret: ClientSecret,
    /// Headers that the provider wants besides, such as a subscription key; no answer shows their values.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    #[serde(default, serialize_with = "each_shown_once")]
    pub headers: BTreeMap<String, ClientSecret>,
    /// The profile of the provider's recipe that the app uses, such as `developer_portal`; none is the recipe as it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// A new secret for an operator's app. The client id stays: grants belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateProviderApp {
    /// The new secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 4096, pattern = r"^[\x20-\x7e]+$"))]
    #[serde(serialize_with = "shown_once")]
    pub client_secret: ClientSecret,
    /// The headers that go with it; none keeps those that the app has.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    #[serde(default, serialize_with = "each_shown_once")]
    pub headers: BTreeMap<String, ClientSecret>,
    /// Seconds that the old one is still tried where the new one is refused, a year at most; 86 400 by default.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_536_000))]
    #[serde(default, deserialize_with = "lenient::within::<0, 31_536_000, _, _>")]
    pub overlap_s: Option<u32>,
    /// Forget the old one at once: it leaked.
    #[serde(default)]
    pub now: bool,
}

/// An operator's app at a provider, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminProviderApp {
    /// The provider.
    pub provider: Provider,
    /// What the provider calls the app.
    pub client_id: String,
    /// The last four characters of its secret; empty for a short one.
    pub hint: String,
    /// The names of its headers.
    pub headers: Vec<String>,
    /// The profile of the provider's recipe that it uses; left out if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// When it was set first.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When the secret was set.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub changed_at: Timestamp,
    /// When it was last used, give or take a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_used_at: Option<Timestamp>,
    /// As `hint`, of the secret that is being replaced.
    pub previous_hint: Option<String>,
    /// When that one is forgotten.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub previous_until: Option<Timestamp>,
}

/// The apps that an environment has of its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminProviderApps {
    /// By provider.
    pub apps: Vec<AdminProviderApp>,
}

fn each_shown_once<S: Serializer>(secrets: &BTreeMap<String, ClientSecret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(secrets.iter().map(|(name, secret)| (name, secret.expose())))
}
