//! Connections. A connection is one end user at one provider; the API calls it a user.

mod add_or_renew;
mod export;
mod import;
mod report;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    connection::Connection,
    developer::Developer,
    event::EventRecord,
    receipt::Receipt,
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{
    DevId, EventId, ReferenceId, UserId,
    wire::{self, Status},
};

pub(crate) use self::add_or_renew::NewConnection;
use crate::{
    auth::Auth,
    event::{deauth_event, publish},
    revocation::{RemovalReason, remove_connection},
};

/// Why a user was not deauthenticated.
#[derive(Debug, thiserror::Error)]
pub enum DeauthenticateUserError {
    /// The user does not exist, or belongs to another environment. The error is the same for both, so it reveals
    /// nothing about other environments.
    #[error("user not found")]
    UserNotFound,
    /// The store failed.
    #[error("could not deauthenticate the user")]
    Store(#[from] StoreError),
}

/// Why a lookup of users failed.
#[derive(Debug, thiserror::Error)]
pub enum UserInfoError {
    /// The user does not exist, or belongs to another environment.
    #[error("user not found")]
    UserNotFound,
    /// More ids, or more users, than one response can contain.
    #[error("a response contains at most {0} users; request them page by page")]
    TooMany(u32),
    /// The store failed.
    #[error("could not look up users")]
    Store(#[from] StoreError),
}

/// The maximum number of users in one response.
pub const MAX_USERS: u32 = 10_000;

impl Auth {
    /// Deletes a user. A worker then revokes its access at the provider.
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
            event_id: self.new_event_id(),
            now: self.now(),
        };
        let receipt = Receipt { id: unit.event_id.0, created_at: unit.now };
        self.store().run_once(receipt, unit).await?;
        self.outbox().notify_one();
        Ok(())
    }

    /// Returns one user, and whether they have logged in.
    ///
    /// # Errors
    ///
    /// See [`UserInfoError`].
    pub async fn user_info(&self, developer: &Developer, user_id: UserId) -> Result<wire::UserInfo, UserInfoError> {
        self.store().read(GetUser { dev_id: developer.dev_id.clone(), user_id, now: self.now() }).await
    }

    /// Returns the users of one end user, at most [`MAX_USERS`].
    ///
    /// # Errors
    ///
    /// See [`UserInfoError`].
    pub async fn users_by_reference_id(
        &self,
        developer: &Developer,
        reference_id: ReferenceId,
    ) -> Result<Vec<wire::TerraUser>, UserInfoError> {
        self.store().read(UsersByReferenceId { dev_id: developer.dev_id.clone(), reference_id }).await
    }

    /// Returns the users with these ids. Unknown ids are left out.
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
        self.store().read(UsersById { dev_id: developer.dev_id.clone(), user_ids }).await
    }

    /// Returns one page of users, by id, and the total number of users.
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
        self.store().read(PageOfUsers { dev_id: developer.dev_id.clone(), offset, limit }).await
    }
}

struct DeauthenticateUser {
    auth: Auth,
    dev_id: DevId,
    user_id: UserId,
    event_id: EventId,
    now: Timestamp,
}

#[async_trait]
impl Unit for DeauthenticateUser {
    type Done = ();
    type Error = DeauthenticateUserError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), DeauthenticateUserError> {
        let whose = (&self.dev_id, self.user_id);
        let ended = remove_connection(&self.auth, tx, whose, RemovalReason::Removed, self.now).await?;
        let connection = ended.ok_or(DeauthenticateUserError::UserNotFound)?;
        let event = deauth_event(&connection);
        publish(tx, &EventRecord::new(self.event_id, &self.dev_id, &event, self.now)).await?;
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
    type Error = UserInfoError;

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
    type Error = UserInfoError;

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
    type Error = UserInfoError;

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
    type Error = UserInfoError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, UserInfoError> {
        let total = tx.count_connections(&self.dev_id).await?;
        let page = tx.connections(&self.dev_id, self.offset, self.limit).await?;
        Ok((page.iter().map(Connection::to_wire).collect(), total))
    }
}
