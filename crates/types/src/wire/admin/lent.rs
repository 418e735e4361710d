use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ProviderToken;

/// An access token of a connection, for the provider's data calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LentAccessToken {
    /// Proves to the provider that the end user agreed.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub access_token: ProviderToken,
    /// When it stops working, RFC 3339; `null` where the provider does not say.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
}
