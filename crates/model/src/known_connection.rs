//! Connections at the upstream API, as the gateway learns of them from webhooks.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::{ConnectionId, Provider, ReferenceId, UserId};

use crate::store_error::StoreError;

/// The gateway's record of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownConnection {
    /// The gateway's own id for it, which does not change with the user id. It sorts by connection time.
    pub connection_id: ConnectionId,
    /// The upstream's id for it.
    pub user_id: UserId,
    /// The app's id for the end user who owns it.
    pub reference_id: Option<ReferenceId>,
    /// The provider.
    pub provider: Provider,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
    /// The state of the connection.
    pub state: ConnectionState,
    /// When it was connected, according to the upstream.
    pub connected_at: Option<Timestamp>,
    /// When the record last changed; older updates are ignored.
    pub changed_at: Timestamp,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Data is received.
    Active,
    /// The provider rejects requests; it may recover.
    Failing,
    /// The end user revoked the access at the provider.
    Revoked,
    /// Deleted at the upstream. The row is retained for a while, so that a late update does not restore it.
    Deauthenticated,
}

impl ConnectionState {
    /// The name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Failing => "failing",
            Self::Revoked => "revoked",
            Self::Deauthenticated => "deauthenticated",
        }
    }

    /// Parses the name in the database.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Failing, Self::Revoked, Self::Deauthenticated]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// The latest failed login of an end user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginFailure {
    /// The reason, such as `access_denied`.
    pub reason: Option<String>,
    /// When it failed.
    pub at: Timestamp,
}

/// The verbs for known connections.
#[async_trait]
pub trait KnownConnections: Send {
    /// Adds a connection; returns false if its user id exists already.
    async fn add_known_connection(&mut self, connection: &KnownConnection) -> Result<bool, StoreError>;

    /// Reads one connection in any state and locks it until the unit ends.
    async fn lock_known_connection(&mut self, user_id: UserId) -> Result<Option<KnownConnection>, StoreError>;

    /// Updates everything but the user id.
    async fn update_known_connection(&mut self, connection: &KnownConnection) -> Result<(), StoreError>;

    /// Reads one connection of an end user, unless it was deauthenticated.
    async fn known_connection(
        &mut self,
        reference_id: &ReferenceId,
        user_id: UserId,
    ) -> Result<Option<KnownConnection>, StoreError>;

    /// Reads the connections of an end user that were not deauthenticated, oldest first, at most `limit`.
    async fn known_connections_of(
        &mut self,
        reference_id: &ReferenceId,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError>;

    /// Reads the next `limit` connections after a user id, in all states, ordered by user id.
    async fn known_connections(
        &mut self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError>;

    /// Stores a failed login, unless a later one is stored.
    async fn put_login_failure(&mut self, reference_id: &ReferenceId, failure: &LoginFailure)
    -> Result<(), StoreError>;

    /// Reads the latest failed login of an end user.
    async fn login_failure(&mut self, reference_id: &ReferenceId) -> Result<Option<LoginFailure>, StoreError>;
}
