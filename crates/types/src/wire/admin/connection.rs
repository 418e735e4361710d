use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Provider, ReferenceId, UserId};

/// A connection, as operators see it. Instants are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminConnection {
    /// Names it.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The source of data.
    pub provider: Provider,
    /// The app's own name for the end user.
    pub reference_id: Option<ReferenceId>,
    /// Whether it works, as far as apps are told.
    pub active: bool,
    /// When it was made.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub created_at: Timestamp,
    /// How the refreshing of its tokens stands; `null` without tokens, as for a source on a device.
    pub refresh: Option<RefreshReport>,
}

/// How the refreshing of a connection's tokens stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefreshReport {
    /// Whether it works.
    pub state: GrantState,
    /// Since when; after a recovery that is when it worked again.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub since: Timestamp,
    /// Refreshes that failed since the last one that did not.
    pub failures: u32,
    /// The last thing that went wrong, if anything ever did. It stays after a recovery.
    pub last_error: Option<FailedRefresh>,
    /// When the tokens were last refreshed.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub refreshed_at: Option<Timestamp>,
    /// When somebody will look after them again; `null` is never.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_at: Option<Timestamp>,
}

/// A refresh that brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedRefresh {
    /// What went wrong.
    pub class: RefreshFailure,
    /// When.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
}

/// Whether a connection's tokens can be refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// As far as anybody knows.
    Fine,
    /// The last refresh failed; it will be tried again.
    Failing,
    /// The provider refuses them, and maybe only because an answer of its was lost: the end user must connect again.
    NeedsConsent,
    /// The provider says that the grant is gone.
    Revoked,
}

/// What can go wrong with a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RefreshFailure {
    /// The provider was not reached.
    NotReached,
    /// Its answer was lost.
    AnswerLost,
    /// Its answer cannot be read.
    Unreadable,
    /// It wants fewer requests.
    Throttled,
    /// It refuses the app.
    AppRefused,
    /// It refuses the grant.
    GrantRefused,
    /// Nobody knows any more how its tokens are refreshed.
    UnknownProvider,
}

impl GrantState {
    /// The name, as on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Failing => "failing",
            Self::NeedsConsent => "needs_consent",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Fine, Self::Failing, Self::NeedsConsent, Self::Revoked].into_iter().find(|state| state.as_str() == name)
    }

    /// Whether only the end user can make them work again.
    #[must_use]
    pub const fn is_over(self) -> bool {
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

    /// The name, as on the wire.
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

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.as_str() == name)
    }
}
