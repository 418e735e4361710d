use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use crate::{ClientSecret, Provider, secret::shown_once, wire::lenient};

/// An operator's app at a provider, for one environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetProviderApp {
    /// The client id of the app.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4096, pattern = r"^[\x20-\x7e]+$"))]
    pub client_id: String,
    /// The client secret of the app.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 4096, pattern = r"^[\x20-\x7e]+$"))]
    #[serde(serialize_with = "shown_once")]
    pub client_secret: ClientSecret,
    /// Additional headers that the provider requires, such as a subscription key. No response shows their values.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    #[serde(default, serialize_with = "each_shown_once")]
    pub headers: BTreeMap<String, ClientSecret>,
    /// The profile of the provider's recipe that the app uses, such as `developer_portal`. Without one, the
    /// recipe applies unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// A new secret for an operator's app. The client id cannot change, because grants belong to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateProviderApp {
    /// The new secret.
    #[cfg_attr(feature = "openapi", schema(value_type = String, min_length = 1, max_length = 4096, pattern = r"^[\x20-\x7e]+$"))]
    #[serde(serialize_with = "shown_once")]
    pub client_secret: ClientSecret,
    /// The headers to send with the new secret. If there are none, the app's current headers stay.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, String>))]
    #[serde(default, serialize_with = "each_shown_once")]
    pub headers: BTreeMap<String, ClientSecret>,
    /// Seconds during which the old secret is tried if the provider rejects the new one, a year at most; 86 400 by
    /// default.
    #[cfg_attr(feature = "openapi", schema(maximum = 31_536_000))]
    #[serde(default, deserialize_with = "lenient::within::<0, 31_536_000, _, _>")]
    pub overlap_s: Option<u32>,
    /// Whether to delete the old secret at once, because it leaked.
    #[serde(default)]
    pub now: bool,
}

/// An operator's app at a provider, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminProviderApp {
    /// The provider.
    pub provider: Provider,
    /// The client id of the app.
    pub client_id: String,
    /// The last four characters of the client secret; empty for a short secret.
    pub hint: String,
    /// The names of the app's headers.
    pub headers: Vec<String>,
    /// The profile of the provider's recipe that the app uses; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// When the app was first set.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// When the current secret was set.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub changed_at: Timestamp,
    /// When the app was last used, accurate to a minute.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_used_at: Option<Timestamp>,
    /// Like `hint`, for the secret that is being replaced.
    pub previous_hint: Option<String>,
    /// When the secret that is being replaced is deleted.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub previous_until: Option<Timestamp>,
}

/// An environment's own provider apps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminProviderApps {
    /// The apps, ordered by provider.
    pub apps: Vec<AdminProviderApp>,
}

fn each_shown_once<S: Serializer>(secrets: &BTreeMap<String, ClientSecret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(secrets.iter().map(|(name, secret)| (name, secret.expose())))
}
