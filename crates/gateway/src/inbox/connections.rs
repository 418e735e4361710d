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

/// How many connections of one caller are looked at.
pub const MAX_CONNECTIONS: u32 = 200;
/// How long events are kept that wait for nothing.
const EVENT_RETENTION: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long what is over is kept, so that late news do not bring it back.
const ENDED_RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Inbox {
    /// The connections of a caller, oldest first, at most [`MAX_CONNECTIONS`]; none that was deauthenticated.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn connections_of(&self, reference_id: &ReferenceId) -> Result<Vec<KnownConnection>, StoreError> {
        self.0.store.read(ConnectionsOf { reference_id: reference_id.clone() }).await
    }

    /// One connection of a caller; `None` for another caller's, and for one that was deauthenticated.
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

    /// The latest login of a caller that failed.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn login_failure(&self, reference_id: &ReferenceId) -> Result<Option<LoginFailure>, StoreError> {
        self.0.store.read(LatestFailure { reference_id: reference_id.clone() }).await
    }

    /// Records that we removed a connection at the upstream.
    ///
    /// # Errors
    ///
    /// The store failed; the upstream's event will tell the same.
    pub async fn deauthenticated(&self, user_id: UserId) -> Result<(), StoreError> {
        self.0.store.run(MarkEnded { user_id, at: self.now(), unless_after: Timestamp::MAX }).await.map(drop)
    }

    /// The next `limit` connections after a user id, by user id and in all states.
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

    /// Adds and corrects connections as the upstream had them at `seen_at`, when it was asked; answers how many
    /// changed. Ends none, and leaves alone what changed since.
    ///
    /// # Errors
    ///
    /// The store failed; no connection was changed.
    pub async fn add_found_connections(&self, users: &[TerraUser], seen_at: Timestamp) -> Result<u32, StoreError> {
        self.0.store.run(AddFoundConnections { news: self.listed_updates(users, seen_at) }).await
    }

    /// Records that the upstream had these users at `seen_at`.
    pub(super) fn listed_updates(&self, users: &[TerraUser], seen_at: Timestamp) -> Vec<ConnectionUpdate> {
        let seen = |user: &TerraUser| Change::Seen { active: user.active != Some(false) };
        users.iter().map(|user| self.connection_update(user, seen(user), whole_ms(seen_at))).collect()
    }

    /// Records that the upstream did not have a connection; answers whether that was new. One that changed after
    /// `seen_before`, when the upstream was asked, stays.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn mark_missing(&self, user_id: UserId, seen_before: Timestamp) -> Result<bool, StoreError> {
        let at = whole_ms(seen_before);
        self.0.store.run(MarkEnded { user_id, at, unless_after: at }).await
    }

    /// Deletes some of the rows that no caller can request any more; returns their number.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn delete_expired(&self) -> Result<u64, StoreError> {
        let ago = |span: SignedDuration| self.now().saturating_sub(span).unwrap_or(Timestamp::MIN);
        let forgotten =
            ReceivedRetention { events_before: ago(EVENT_RETENTION), ended_before: ago(ENDED_RETENTION), limit: 1000 };
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
