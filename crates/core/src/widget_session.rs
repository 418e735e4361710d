//! A widget session: one end user's way from the app to a provider and back.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use terra_auth_types::{DevId, Provider, ReferenceId, SessionId, UserId, wire, wire::SESSION_TTL_S};
use url::Url;

use crate::store::StoreError;

/// How long a session may be opened.
pub const SESSION_TTL: SignedDuration = SignedDuration::from_secs(SESSION_TTL_S as i64);

/// A session, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WidgetSession {
    /// Names it.
    pub session_id: SessionId,
    /// The environment it belongs to.
    pub dev_id: DevId,
    /// SHA-256 of the secret that its URL carries.
    pub secret_digest: [u8; 32],
    /// How far the end user has come.
    pub state: SessionState,
    /// What the app asked for.
    pub request: SessionRequest,
    /// The user that a login link promised; a widget session promises none.
    pub user_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be opened.
    pub expires_at: Timestamp,
}

/// How far an end user has come. An expired session keeps its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Nothing chosen yet.
    Open,
    /// Sent to a provider, not yet back.
    AtProvider,
    /// Came back with an error; may try again until the session expires.
    Failed,
    /// Came back connected: used.
    Connected,
    /// Gave up in the widget: used.
    Cancelled,
}

impl SessionState {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::AtProvider => "at_provider",
            Self::Failed => "failed",
            Self::Connected => "connected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::AtProvider, Self::Failed, Self::Connected, Self::Cancelled]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Whether the session has done what it was made for.
    #[must_use]
    pub const fn is_used(self) -> bool {
        matches!(self, Self::Connected | Self::Cancelled)
    }
}

/// What the app asked for, checked. Kept as JSON in one column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The providers to offer, in this order.
    pub providers: Vec<Provider>,
    /// Language of the pages.
    pub language: Option<String>,
    /// The app's own name for the end user.
    pub reference_id: Option<ReferenceId>,
    /// Where to go when it worked.
    pub success_url: Option<Url>,
    /// Where to go when it did not.
    pub failure_url: Option<Url>,
    /// Link to the app that connects Apple Health.
    pub apple_app_url: Option<Url>,
    /// Link to the app that connects Samsung Health.
    pub samsung_app_url: Option<Url>,
    /// Users that the app knows to be connected.
    pub connected_users: Vec<UserId>,
    /// Whether connections may be ended here.
    pub show_disconnect: bool,
    /// Whether the session stays open after a connection.
    pub multi_auth: bool,
    /// Whether to skip the result page (`true`) or to stay there (`false`); by default it is skipped when there is
    /// somewhere to go.
    pub bypass_feedback: Option<bool>,
}

impl WidgetSession {
    /// The user that a login link promised, as the wire shows it before the login.
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

    /// One session.
    async fn widget_session(&mut self, session_id: SessionId) -> Result<Option<WidgetSession>, StoreError>;

    /// Moves a session to a state, unless it is used already; answers whether it moved.
    async fn move_widget_session(&mut self, session_id: SessionId, to: SessionState) -> Result<bool, StoreError>;

    /// The session that promised a user and is neither used nor expired.
    async fn session_of_user(
        &mut self,
        dev_id: &DevId,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Option<WidgetSession>, StoreError>;
}
