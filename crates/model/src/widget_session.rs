//! Widget sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::{DevId, Provider, ReferenceId, SessionId, UserId, wire};
use url::Url;

use crate::store_error::StoreError;

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WidgetSession {
    /// The session id.
    pub session_id: SessionId,
    /// The environment of the session.
    pub dev_id: DevId,
    /// SHA-256 of the secret in the session's URL.
    pub secret_digest: [u8; 32],
    /// The progress of the end user.
    pub state: SessionState,
    /// The app's request.
    pub request: SessionRequest,
    /// The user id that a login link has reserved, until a login takes it; `None` for a widget session.
    pub user_id: Option<UserId>,
    /// When the session was created.
    pub created_at: Timestamp,
    /// When the session expires.
    pub expires_at: Timestamp,
    /// The number of logins that returned to the session, successful or not.
    pub logins: u32,
}

/// The progress of an end user. An expired session keeps its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// No login has returned yet.
    Open,
    /// A login returned with an error; the end user may try again until the session expires.
    Failed,
    /// A login returned and connected the provider: the session is used.
    Connected,
    /// The end user cancelled in the widget: the session is used.
    Cancelled,
}

impl SessionState {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Connected => "connected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Parses the name in the database.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Failed, Self::Connected, Self::Cancelled].into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the session has served its purpose.
    #[must_use]
    pub const fn is_used(self) -> bool {
        matches!(self, Self::Connected | Self::Cancelled)
    }
}

/// The app's request, after validation. Stored as JSON in one column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The providers to offer, in this order.
    pub providers: Vec<Provider>,
    /// The language of the pages.
    pub language: Option<String>,
    /// The app's id for the end user.
    pub reference_id: Option<ReferenceId>,
    /// The redirect target after a success.
    pub success_url: Option<Url>,
    /// The redirect target after a failure.
    pub failure_url: Option<Url>,
    /// Link to the app that connects Apple Health.
    pub apple_app_url: Option<Url>,
    /// Link to the app that connects Samsung Health.
    pub samsung_app_url: Option<Url>,
    /// Users that the app names as connected.
    pub connected_users: Vec<UserId>,
    /// Whether the end user may disconnect providers in the widget.
    pub show_disconnect: bool,
    /// Whether the session remains open after a connection.
    pub multi_auth: bool,
    /// Whether to skip the result page (`true`) or to show it (`false`). By default it is skipped if there is a
    /// redirect target.
    pub bypass_feedback: Option<bool>,
}

impl WidgetSession {
    /// The user that a login link has reserved, as the API shows it before the login.
    #[must_use]
    pub fn awaited_user(&self) -> Option<wire::TerraUser> {
        Some(wire::TerraUser {
            user_id: self.user_id?,
            provider: self.request.providers.first()?.clone(),
            created_at: Some(self.created_at),
            last_webhook_update: None,
            scopes: None,
            reference_id: self.request.reference_id.as_ref().map(ToString::to_string),
            active: Some(false),
        })
    }
}

/// The verbs for sessions.
#[async_trait]
pub trait WidgetSessions: Send {
    /// Adds a session.
    async fn add_widget_session(&mut self, session: &WidgetSession) -> Result<(), StoreError>;

    /// Reads one session.
    async fn widget_session(&mut self, session_id: SessionId) -> Result<Option<WidgetSession>, StoreError>;

    /// Changes the state of a session that is not used yet; returns whether it did.
    async fn move_widget_session(&mut self, session_id: SessionId, to: SessionState) -> Result<bool, StoreError>;

    /// Counts a login that returned, unless the session is used or has had `most` logins; returns whether it
    /// was counted.
    async fn count_login(&mut self, session_id: SessionId, most: u32) -> Result<bool, StoreError>;

    /// Takes the user id that a session has reserved; returns true if it was still there. Of any number of
    /// concurrent callers, one gets true.
    async fn take_reserved_user_id(&mut self, session_id: SessionId) -> Result<bool, StoreError>;

    /// Reads the session that has reserved a user id, unless it is used or expired.
    async fn session_of_user(
        &mut self,
        dev_id: &DevId,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Option<WidgetSession>, StoreError>;
}
