use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ProviderToken;

/// An access token of a connection, for the provider's data calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedAccessToken {
    /// The token, for the `Authorization` header of calls to the provider.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub access_token: ProviderToken,
    /// When the token expires, RFC 3339; `null` if the provider does not say.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub expires_at: Option<Timestamp>,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
}
