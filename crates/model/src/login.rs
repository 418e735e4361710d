//! Logins that came back from their provider, and how they ended.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::UserId;
use uuid::Uuid;

use crate::{provider::ProviderError, store_error::StoreError};

/// A login that came back from its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedLogin {
    /// The outcome; `None` while the login is in progress, or if its process crashed.
    pub outcome: Option<RecordedOutcome>,
}

/// The recorded outcome of a login, stored as JSON in one column. A repeated return gets the same page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordedOutcome {
    /// The login created a connection.
    Connected {
        /// The connection.
        user_id: UserId,
        /// Scopes that were requested and not granted.
        declined_scopes: Vec<String>,
    },
    /// The login failed, and the app was notified.
    Failed(ConnectFailure),
    /// The login took longer than 15 minutes.
    Expired,
    /// Another login of the same session was first.
    Used,
    /// The store failed after the code was exchanged; the tokens were revoked.
    Abandoned,
}

/// The verbs for logins that came back.
#[async_trait]
pub trait ConsumedLogins: Send {
    /// Consumes a login. Returns true for exactly one of any number of callers. A login that expires no later than a deleted
    /// one counts as consumed.
    async fn consume_login(&mut self, flow_id: Uuid, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Records the outcome of a consumed login, unless one is recorded. Returns whether it was recorded.
    async fn record_login_outcome(&mut self, flow_id: Uuid, outcome: &RecordedOutcome) -> Result<bool, StoreError>;

    /// A consumed login.
    async fn consumed_login(&mut self, flow_id: Uuid) -> Result<Option<ConsumedLogin>, StoreError>;
}

/// Why a login created no connection. Its text is the `reason` in the app's event.
///
/// Source: "When a login fails" in `docs/compatibility.md`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectFailure {
    /// The end user declined.
    #[error("access_denied")]
    Denied,
    /// The end user did not grant these required scopes; another login can fix that.
    #[error("missing_scopes")]
    MissingScopes(Vec<String>),
    /// The provider returned this OAuth error code.
    #[error("{0}")]
    Refused(String),
    /// The provider could not be reached.
    #[error("provider_unavailable")]
    ProviderDown,
    /// The provider was shut down.
    #[error("provider_shut_down")]
    ShutDown,
    /// The provider refuses the operator's app, or the app was deleted.
    #[error("app_refused")]
    AppRefused,
    /// The provider redirects to `https` URLs only, and the server has none.
    #[error("https_required")]
    HttpsRequired,
    /// The environment has reached its user limit.
    #[error("user_limit_reached")]
    UserLimit,
}

impl ConnectFailure {
    /// The reason for an OAuth error code; unknown spellings become `provider_error`.
    #[must_use]
    pub fn from_oauth(code: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "temporarily_unavailable" | "server_error" => Self::ProviderDown,
            "unauthorized_client" => Self::AppRefused,
            known if known.len() <= 64 && known.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                Self::Refused(known.to_owned())
            }
            _ => Self::Refused("provider_error".to_owned()),
        }
    }
}

impl From<&ProviderError> for ConnectFailure {
    fn from(error: &ProviderError) -> Self {
        match error {
            ProviderError::Refused { code } => Self::from_oauth(code),
            ProviderError::AppRefused { .. } | ProviderError::Unknown => Self::AppRefused,
            ProviderError::ShutDown(_) => Self::ShutDown,
            ProviderError::InsecureCallback => Self::HttpsRequired,
            ProviderError::Incomplete { source, .. } => Self::from(&**source),
            ProviderError::Unreachable(_) | ProviderError::Unreadable => Self::ProviderDown,
        }
    }
}
