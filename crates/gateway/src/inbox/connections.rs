use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    housekeeping::ReceivedRetention,
    known_connection::{ConnectionState, KnownConnection, LoginFailure},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{ReferenceId, UserId, wire::TerraUser};

use crate::inbox::{
    Inbox,
    connection_update::{Change, ConnectionUpdate, ended},
    consequence::apply_update,
    whole_ms,
};

/// The maximum number of connections listed for one end user.
pub const MAX_CONNECTIONS: u32 = 200;
/// The maximum number of rows of each kind that one call deletes.
const HOUSEKEEPING_BATCH_SIZE: u32 = 1000;
/// How long events are stored after they were forwarded or given up.
const EVENT_RETENTION: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long deauthenticated connections are stored, so that a late event does not restore one.
const ENDED_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Inbox {
    /// Lists the connections of an end user, oldest first, at most [`MAX_CONNECTIONS`].
    /// Deauthenticated ones are not listed.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn connections_of(&self, reference_id: &ReferenceId) -> Result<Vec<KnownConnection>, StoreError> {
        self.0.store.read(ConnectionsOf { reference_id: reference_id.clone() }).await
    }

    /// Finds one connection of an end user; `None` if it is another end user's, or deauthenticated.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn connection(
        &self,
        reference_id: &ReferenceId,
        user_id: UserId,
    ) -> Result<Option<KnownConnection>, StoreError> {
        self.0.store.read(OneConnection { reference_id: reference_id.clone(), user_id }).await
    }

    /// Returns the latest failed login of an end user.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn login_failure(&self, reference_id: &ReferenceId) -> Result<Option<LoginFailure>, StoreError> {
        self.0.store.read(LatestFailure { reference_id: reference_id.clone() }).await
    }

    /// Records that the gateway removed a connection at the upstream.
    ///
    /// # Errors
    ///
    /// The store failed; the upstream's event will record the same.
    pub async fn deauthenticated(&self, user_id: UserId) -> Result<(), StoreError> {
        self.0.store.run(MarkEnded { user_id, at: self.now(), unless_after: Timestamp::MAX }).await.map(drop)
    }

    /// Lists the next `limit` connections after a user id, by user id and in all states.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn known_connections_page(
        &self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError> {
        self.0.store.read(KnownPage { after, limit }).await
    }

    /// Adds and corrects connections from the list that the upstream returned at `seen_at`. Returns
    /// the number of changed connections. Connections that are not in the list, or that changed
    /// since, stay unchanged.
    ///
    /// # Errors
    ///
    /// The store failed; no connection was changed.
    pub async fn add_found_connections(&self, users: &[TerraUser], seen_at: Timestamp) -> Result<u32, StoreError> {
        self.0.store.run(AddFoundConnections { news: self.listed_updates(users, seen_at) }).await
    }

    /// The updates for users that the upstream listed at `seen_at`.
    pub(super) fn listed_updates(&self, users: &[TerraUser], seen_at: Timestamp) -> Vec<ConnectionUpdate> {
        let seen = |user: &TerraUser| Change::Seen { active: user.active != Some(false) };
        users.iter().map(|user| self.connection_update(user, seen(user), whole_ms(seen_at))).collect()
    }

    /// Records that the upstream does not have a connection. Returns whether that was new. A
    /// connection that changed after `seen_before`, when the upstream was called, stays unchanged.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn mark_missing(&self, user_id: UserId, seen_before: Timestamp) -> Result<bool, StoreError> {
        let at = whole_ms(seen_before);
        self.0.store.run(MarkEnded { user_id, at, unless_after: at }).await
    }

    /// Deletes a batch of expired events and connections; returns their number.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn delete_expired(&self) -> Result<u64, StoreError> {
        let ago = |span: SignedDuration| self.now().saturating_sub(span).unwrap_or(Timestamp::MIN);
        let forgotten = ReceivedRetention {
            events_before: ago(EVENT_RETENTION),
            ended_before: ago(ENDED_RETENTION),
            limit: HOUSEKEEPING_BATCH_SIZE,
        };
        self.0.store.run(Forget { forgotten }).await
    }
}

unit!(ConnectionsOf(reference_id: ReferenceId) -> Vec<KnownConnection>
    = |tx| tx.known_connections_of(reference_id, MAX_CONNECTIONS));
unit!(OneConnection(reference_id: ReferenceId, user_id: UserId) -> Option<KnownConnection>
    = |tx| tx.known_connection(reference_id, *user_id));
unit!(LatestFailure(reference_id: ReferenceId) -> Option<LoginFailure> = |tx| tx.login_failure(reference_id));

unit!(KnownPage(after: Option<UserId>, limit: u32) -> Vec<KnownConnection> = |tx| tx.known_connections(*after, *limit));

unit!(Forget(forgotten: ReceivedRetention) -> u64 = |tx| tx.delete_received(forgotten));

struct AddFoundConnections {
    news: Vec<ConnectionUpdate>,
}

#[async_trait]
impl Unit for AddFoundConnections {
    type Done = u32;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u32, StoreError> {
        let mut changed = 0;
        for news in &self.news {
            changed += u32::from(apply_update(tx, news).await?);
        }
        Ok(changed)
    }
}

struct MarkEnded {
    user_id: UserId,
    at: Timestamp,
    unless_after: Timestamp,
}

#[async_trait]
impl Unit for MarkEnded {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let known = tx.lock_known_connection(self.user_id).await?;
        let goes = |known: &KnownConnection| {
            known.state != ConnectionState::Deauthenticated && known.changed_at <= self.unless_after
        };
        let Some(known) = known.filter(goes) else { return Ok(false) };
        let connection_id = known.connection_id;
        tx.update_known_connection(&ended(known, connection_id, self.at)).await?;
        Ok(true)
    }
}
