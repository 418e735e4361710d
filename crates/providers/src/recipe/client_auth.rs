//! How an app authenticates at its provider.

use serde::Deserialize;

/// The client authentication (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientAuth {
    /// HTTP Basic.
    Basic,
    /// `client_id` and `client_secret` among the parameters.
    Body,
}
