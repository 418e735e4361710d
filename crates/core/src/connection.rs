//! One end user at one provider; the wire calls it a user.

mod export;
mod import;
mod place;
mod report;

pub(crate) use self::place::{NewConnection, Proof};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DeliveryId, DevId, Provider, ReferenceId, UserId,
    wire::{self, Status},
};

use crate::{
    auth::Auth,
    delivery::Delivery,
    developer::Developer,
    event::deauth_event,
    receipt::Receipt,
    revocation::{End, end_connection},
    seal::Sealed,
    store::{StoreError, Tx, Unit},
};

/// A connection, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Names it.
    pub user_id: UserId,
    /// The environment it belongs to; nobody else sees it.
    pub dev_id: DevId,
    /// The source of data.
    pub provider: Provider,
    /// The provider's own id for the account, or the device's id for an on-device source.
    pub account: String,
    /// The app's own name for the end user.
    pub reference_id: Option<ReferenceId>,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
    /// Whether updates are sent for it.
    pub active: bool,
    /// When it was made.
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

/// The verbs for connections. Each looks into one environment only.
#[async_trait]
pub trait Connections: Send {
    /// Adds a connection.
    async fn add_connection(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Removes a connection and returns it. Two callers never both receive it.
    async fn take_connection(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<Connection>, StoreError>;

    /// Gives a connection another grant: account, scopes and tokens become those of `new`, and it works again, whatever was
    /// said of it. Every lease is over, and tokens that were got under one are older than these. Answers whether it was
    /// there.
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

    /// How many there are.
    async fn count_connections(&mut self, dev_id: &DevId) -> Result<u64, StoreError>;

    /// Records that an event about a connection was delivered. A connection that is gone stays gone.
    async fn touch_connection(&mut self, dev_id: &DevId, user_id: UserId, now: Timestamp) -> Result<(), StoreError>;
}

/// Why a user was not deauthenticated.
#[derive(Debug, thiserror::Error)]
pub enum DeauthenticateUserError {
    /// Not there, or in another environment: one answer, so that a caller learns nothing.
    #[error("user not found")]
    UserNotFound,
    /// The store failed.
    #[error("could not deauthenticate the user")]
    Store(#[from] StoreError),
}

/// Why users were not found.
#[derive(Debug, thiserror::Error)]
pub enum UserInfoError {
    /// Not there, or in another environment.
    #[error("user not found")]
    UserNotFound,
    /// More ids, or more users, than one answer takes.
    #[error("at most {0} users fit into one answer; ask for them page by page")]
    TooMany(u32),
    /// The store failed.
    #[error("could not look up users")]
    Store(#[from] StoreError),
}

/// The most users that one answer holds.
pub const MAX_USERS: u32 = 10_000;

impl Auth {
    /// Forgets a user and, afterwards, revokes its access at the provider.
    ///
    /// # Errors
    ///
    /// See [`DeauthenticateUserError`].
    pub async fn deauthenticate_user(
        &self,
        developer: &Developer,
        user_id: UserId,
    ) -> Result<(), DeauthenticateUserError> {
        let unit = DeauthenticateUser {
            auth: self.clone(),
            dev_id: developer.dev_id.clone(),
            user_id,
            delivery_id: self.delivery_id(),
            now: self.now(),
        };
        let receipt = Receipt { id: unit.delivery_id.0, created_at: unit.now };
        self.store.run_once(receipt, unit).await?;
        self.outbox.notify_one();
        Ok(())
    }

    /// One user, and whether its login has happened.
    ///
    /// # Errors
    ///
    /// See [`UserInfoError`].
    pub async fn user_info(&self, developer: &Developer, user_id: UserId) -> Result<wire::UserInfo, UserInfoError> {
        self.store.read(GetUser { dev_id: developer.dev_id.clone(), user_id, now: self.now() }).await
    }

    /// Every user of one end user.
    ///
    /// # Errors
    ///
    /// See [`UserInfoError`].
    pub async fn users_by_reference_id(
        &self,
        developer: &Developer,
        reference_id: ReferenceId,
    ) -> Result<Vec<wire::TerraUser>, UserInfoError> {
        self.store.read(UsersByReferenceId { dev_id: developer.dev_id.clone(), reference_id }).await
    }

    /// The users with these ids; unknown ones are left out.
    ///
    /// # Errors
    ///
    /// See [`UserInfoError`].
    pub async fn bulk_user_info(
        &self,
        developer: &Developer,
        user_ids: Vec<UserId>,
    ) -> Result<Vec<wire::TerraUser>, UserInfoError> {
        if user_ids.len() > MAX_USERS as usize {
            return Err(UserInfoError::TooMany(MAX_USERS));
        }
        self.store.read(UsersById { dev_id: developer.dev_id.clone(), user_ids }).await
    }

    /// One page of users, by id, and how many there are in all.
    ///
    /// # Errors
    ///
    /// See [`UserInfoError`].
    pub async fn subscriptions(
        &self,
        developer: &Developer,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<wire::TerraUser>, u64), UserInfoError> {
        if limit > MAX_USERS {
            return Err(UserInfoError::TooMany(MAX_USERS));
        }
        self.store.read(PageOfUsers { dev_id: developer.dev_id.clone(), offset, limit }).await
    }
}

struct DeauthenticateUser {
    auth: Auth,
    dev_id: DevId,
    user_id: UserId,
    delivery_id: DeliveryId,
    now: Timestamp,
}

#[async_trait]
impl Unit for DeauthenticateUser {
    type Done = ();
    type Refusal = DeauthenticateUserError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), DeauthenticateUserError> {
        let whose = (&self.dev_id, self.user_id);
        let ended = end_connection(&self.auth, tx, whose, End::Removed, self.now).await?;
        let connection = ended.ok_or(DeauthenticateUserError::UserNotFound)?;
        let event = deauth_event(&connection);
        tx.add_delivery(&Delivery::new(self.delivery_id, &self.dev_id, &event, self.now)).await?;
        Ok(())
    }
}

struct GetUser {
    dev_id: DevId,
    user_id: UserId,
    now: Timestamp,
}

#[async_trait]
impl Unit for GetUser {
    type Done = wire::UserInfo;
    type Refusal = UserInfoError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<wire::UserInfo, UserInfoError> {
        let (user, is_authenticated) = if let Some(connection) = tx.connection(&self.dev_id, self.user_id).await? {
            (connection.to_wire(), true)
        } else {
            let session = tx.session_of_user(&self.dev_id, self.user_id, self.now).await?;
            (session.and_then(|session| session.awaited_user()).ok_or(UserInfoError::UserNotFound)?, false)
        };
        let user = wire::UserDetails { user, last_polled_at: None, most_recent_data_at: None };
        Ok(wire::UserInfo { user, status: Status::Success, is_authenticated })
    }
}

struct UsersByReferenceId {
    dev_id: DevId,
    reference_id: ReferenceId,
}

#[async_trait]
impl Unit for UsersByReferenceId {
    type Done = Vec<wire::TerraUser>;
    type Refusal = UserInfoError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, UserInfoError> {
        let found = tx.connections_of(&self.dev_id, &self.reference_id, MAX_USERS).await?;
        Ok(found.iter().map(Connection::to_wire).collect())
    }
}

struct UsersById {
    dev_id: DevId,
    user_ids: Vec<UserId>,
}

#[async_trait]
impl Unit for UsersById {
    type Done = Vec<wire::TerraUser>;
    type Refusal = UserInfoError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, UserInfoError> {
        let mut users = Vec::new();
        for user_id in &self.user_ids {
            users.extend(tx.connection(&self.dev_id, *user_id).await?.as_ref().map(Connection::to_wire));
        }
        Ok(users)
    }
}

struct PageOfUsers {
    dev_id: DevId,
    offset: u64,
    limit: u32,
}

#[async_trait]
impl Unit for PageOfUsers {
    type Done = (Vec<wire::TerraUser>, u64);
    type Refusal = UserInfoError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, UserInfoError> {
        let total = tx.count_connections(&self.dev_id).await?;
        let page = tx.connections(&self.dev_id, self.offset, self.limit).await?;
        Ok((page.iter().map(Connection::to_wire).collect(), total))
    }
}
