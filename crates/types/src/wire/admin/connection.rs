use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Provider, ReferenceId, UserId};

/// A connection, with the state of its tokens. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminConnection {
    /// The user id of the connection.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The source of data.
    pub provider: Provider,
    /// The app's own id for the end user.
    pub reference_id: Option<ReferenceId>,
    /// Whether the connection works, as reported to apps.
    pub active: bool,
    /// When the connection was created.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// The state of its token refreshes; `null` without tokens, as for a source on a device.
    pub refresh: Option<RefreshReport>,
}

/// The state of a connection's token refreshes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefreshReport {
    /// Whether the tokens can be refreshed.
    pub state: GrantState,
    /// When this state began. After a recovery it is the time of the recovery.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
    /// The number of failed refreshes since the last successful one.
    pub failures: u32,
    /// The last failure, if there ever was one. It is still shown after a recovery.
    pub last_error: Option<FailedRefresh>,
    /// When the tokens were last refreshed.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub refreshed_at: Option<Timestamp>,
    /// When the server works on the tokens next; `null` means never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
}

/// A failed refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedRefresh {
    /// The kind of failure.
    pub class: RefreshFailure,
    /// When the refresh failed.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

/// Whether a connection's tokens can be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// No problem is known.
    Fine,
    /// The last refresh failed and will be retried.
    Failing,
    /// The provider rejects the tokens, possibly only because one of its responses was lost. The end user
    /// must connect again.
    NeedsConsent,
    /// The provider reports that the grant no longer exists.
    Revoked,
}

/// The kinds of refresh failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefreshFailure {
    /// The provider could not be reached.
    NotReached,
    /// The provider's response was lost.
    AnswerLost,
    /// The provider's response could not be parsed.
    Unreadable,
    /// The provider limits the rate of requests.
    Throttled,
    /// The provider rejects the app.
    AppRefused,
    /// The provider rejects the grant.
    GrantRefused,
    /// The server no longer knows how to refresh the provider's tokens.
    UnknownProvider,
}

impl GrantState {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Failing => "failing",
            Self::NeedsConsent => "needs_consent",
            Self::Revoked => "revoked",
        }
    }

    /// Parses the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Fine, Self::Failing, Self::NeedsConsent, Self::Revoked].into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the tokens are unusable until the end user connects again.
    #[must_use]
    pub const fn requires_reconnect(self) -> bool {
        matches!(self, Self::NeedsConsent | Self::Revoked)
    }
}

impl RefreshFailure {
    const ALL: [Self; 7] = [
        Self::NotReached,
        Self::AnswerLost,
        Self::Unreadable,
        Self::Throttled,
        Self::AppRefused,
        Self::GrantRefused,
        Self::UnknownProvider,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotReached => "not_reached",
            Self::AnswerLost => "answer_lost",
            Self::Unreadable => "unreadable",
            Self::Throttled => "throttled",
            Self::AppRefused => "app_refused",
            Self::GrantRefused => "grant_refused",
            Self::UnknownProvider => "unknown_provider",
        }
    }

    /// Parses the name on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.as_str() == name)
    }
}
