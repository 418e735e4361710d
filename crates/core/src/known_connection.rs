//! A connection at the upstream, as webhooks tell of it; so an app can ask for its connections without a call.

mod news;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::{ConnectionId, Provider, ReferenceId, UserId};

pub(crate) use self::news::{Change, News};
use crate::store::StoreError;

/// What is known of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownConnection {
    /// Our own name for it, which outlives a change of the user id. It sorts by the time of the connection.
    pub connection_id: ConnectionId,
    /// The upstream's name for it.
    pub user_id: UserId,
    /// The caller it belongs to.
    pub reference_id: Option<ReferenceId>,
    /// The source of data.
    pub provider: Provider,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
    /// How it is doing.
    pub state: ConnectionState,
    /// When it was made, as the upstream says.
    pub connected_at: Option<Timestamp>,
    /// When what is known last changed; older news change nothing.
    pub changed_at: Timestamp,
}

/// How a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Data flows.
    Active,
    /// The provider refuses; it may recover.
    Failing,
    /// The end user removed the access at the provider.
    Revoked,
    /// It is over. The row stays for a while, so that late news do not bring it back.
    Deauthenticated,
}

impl ConnectionState {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Failing => "failing",
            Self::Revoked => "revoked",
            Self::Deauthenticated => "deauthenticated",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Failing, Self::Revoked, Self::Deauthenticated]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// How the latest login of a caller that failed has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFailure {
    /// Why, such as `access_denied`.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The verbs for known connections.
#[async_trait]
pub trait KnownConnections: Send {
    /// Adds a connection whose user id nobody knows; answers whether that was so.
    async fn add_known_connection(&mut self, connection: &KnownConnection) -> Result<bool, StoreError>;

    /// One connection in any state, which nobody else changes until the unit ends.
    async fn hold_known_connection(&mut self, user_id: UserId) -> Result<Option<KnownConnection>, StoreError>;

    /// Changes everything but the user id.
    async fn update_known_connection(&mut self, connection: &KnownConnection) -> Result<(), StoreError>;

    /// One connection of a caller; none that was deauthenticated.
    async fn known_connection(
        &mut self,
        reference_id: &ReferenceId,
        user_id: UserId,
    ) -> Result<Option<KnownConnection>, StoreError>;

    /// The connections of a caller, oldest first, at most `limit`; none that was deauthenticated.
    async fn known_connections_of(
        &mut self,
        reference_id: &ReferenceId,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError>;

    /// The next `limit` connections after a user id, by user id and in all states.
    async fn known_connections(
        &mut self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError>;

    /// Remembers a failed login, unless a later one is known.
    async fn put_login_failure(&mut self, reference_id: &ReferenceId, failure: &LoginFailure)
    -> Result<(), StoreError>;

    /// The latest failed login of a caller.
    async fn login_failure(&mut self, reference_id: &ReferenceId) -> Result<Option<LoginFailure>, StoreError>;
}
