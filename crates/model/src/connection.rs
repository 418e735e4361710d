//! Connections: one end user's account at one provider.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, Provider, ReferenceId, UserId, wire};

use crate::{keys::sealed::Sealed, store_error::StoreError};

/// The maximum number of connections of one end user that a rule reads. It is larger than the number of providers.
pub const MAX_CONNECTIONS_OF_END_USER: u32 = 500;

/// The maximum length of a provider's id for an account.
pub const MAX_ACCOUNT_BYTES: usize = 512;

/// A stored connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The user id on the wire.
    pub user_id: UserId,
    /// The environment, which alone can read it.
    pub dev_id: DevId,
    /// The source of data.
    pub provider: Provider,
    /// The provider's own id for the account, or the device's id for an on-device source.
    pub account: String,
    /// The app's own id for the end user.
    pub reference_id: Option<ReferenceId>,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
    /// Whether the connection works.
    pub active: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When an event about it was last delivered.
    pub last_webhook_update: Option<Timestamp>,
    /// The provider's tokens; none for an on-device source.
    pub grant: Option<Sealed>,
}

impl Connection {
    /// The connection as the wire shows it.
    #[must_use]
    pub fn to_wire(&self) -> wire::TerraUser {
        wire::TerraUser {
            user_id: self.user_id,
            provider: self.provider.clone(),
            created_at: Some(self.created_at),
            last_webhook_update: self.last_webhook_update,
            scopes: self.scopes.clone(),
            reference_id: self.reference_id.as_ref().map(ToString::to_string),
            active: Some(self.active),
        }
    }
}

/// The verbs for connections. Each reads one environment only.
#[async_trait]
pub trait Connections: Send {
    /// Adds a connection.
    async fn add_connection(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Removes a connection and returns it. Two callers never both receive it.
    async fn delete_connection(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<Connection>, StoreError>;

    /// Replaces the grant of a connection: account, scopes and tokens become those of `new`, and its state is reset. All leases
    /// end, and tokens from an earlier lease are older than these. Returns whether the connection exists.
    async fn renew_connection(&mut self, new: &Connection, now: Timestamp) -> Result<bool, StoreError>;

    /// One connection.
    async fn connection(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<Connection>, StoreError>;

    /// The connections of one end user, oldest first, at most `limit`.
    async fn connections_of(
        &mut self,
        dev_id: &DevId,
        reference_id: &ReferenceId,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError>;

    /// The connections of one account at a provider under one reference id, or under none.
    async fn connections_of_account(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        account: &str,
        reference_id: Option<&ReferenceId>,
    ) -> Result<Vec<Connection>, StoreError>;

    /// `limit` connections from `offset`, by id.
    async fn connections(&mut self, dev_id: &DevId, offset: u64, limit: u32) -> Result<Vec<Connection>, StoreError>;

    /// `limit` connections after one, or from the first, by id.
    async fn connections_after(
        &mut self,
        dev_id: &DevId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError>;

    /// The number of connections.
    async fn count_connections(&mut self, dev_id: &DevId) -> Result<u64, StoreError>;

    /// Records that an event about a connection was delivered. Does nothing if the connection was deleted.
    async fn touch_connection(&mut self, dev_id: &DevId, user_id: UserId, now: Timestamp) -> Result<(), StoreError>;
}
