use jiff::Timestamp;
use terra_auth_model::{
    known_connection::{ConnectionState, KnownConnection, LoginFailure},
    store::Tx,
    store_error::StoreError,
};
use terra_auth_types::{
    ConnectionId, ReferenceId, UserId,
    wire::{AuthCancelled, Event, TerraUser},
};

use crate::inbox::{
    Inbox,
    connection_update::{self, Change, ConnectionUpdate, inherit},
    text,
};

/// The effect of an event on the known connections.
pub(super) enum Consequence {
    /// A connection changed.
    News(ConnectionUpdate),
    /// A connection continues under another user id.
    Reauth { old: UserId, ended: ConnectionId, news: ConnectionUpdate },
    /// A login failed.
    LoginFailed(ReferenceId, LoginFailure),
}

/// Longer than any genuine reason.
const MAX_REASON: usize = 512;

impl Inbox {
    pub(super) fn consequence(&self, event: &Event, at: Timestamp) -> Option<Consequence> {
        let news = |user: &TerraUser, change| Some(Consequence::News(self.connection_update(user, change, at)));
        match event {
            Event::Auth(event) => {
                let reference_id = event.reference_id().map(ToOwned::to_owned);
                news(&TerraUser { reference_id, ..event.user.clone() }, Change::Connected)
            }
            Event::AuthCancelled(event) => login_failed(event, at),
            Event::Deauth(event) => news(&event.user, Change::Deauthenticated),
            Event::AccessRevoked(event) => news(&event.user, Change::Revoked),
            Event::ConnectionError(event) => news(&event.user, Change::Failing),
            Event::PermissionChange(event) => {
                let (added, removed) = (event.scopes_added.clone(), event.scopes_removed.clone());
                news(&event.user, Change::Permissions { added, removed })
            }
            Event::UserReauth(event) => match event.old_user_id().filter(|old| *old != event.new_user.user_id) {
                None => news(&event.new_user, Change::Connected),
                Some(old) => {
                    let ended = ConnectionId(self.0.entropy.id_at(at));
                    Some(Consequence::Reauth {
                        old,
                        ended,
                        news: self.connection_update(&event.new_user, Change::Connected, at),
                    })
                }
            },
            _ => None,
        }
    }

    /// An update about a user, with a new connection id in case the user is not known yet.
    pub(super) fn connection_update(&self, user: &TerraUser, change: Change, at: Timestamp) -> ConnectionUpdate {
        let connection_id = ConnectionId(self.0.entropy.id_at(user.created_at.unwrap_or(at)));
        ConnectionUpdate::new(connection_id, user, change, at)
    }
}

/// Older senders add the user that was not created. It is not a connection, so it is ignored.
fn login_failed(event: &AuthCancelled, at: Timestamp) -> Option<Consequence> {
    let reference_id = event.reference_id()?.parse().ok()?;
    let reason = event.reason.as_ref().map(|reason| text(reason, MAX_REASON));
    Some(Consequence::LoginFailed(reference_id, LoginFailure { reason, at }))
}

impl Consequence {
    pub(super) async fn apply(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        match self {
            Self::News(news) => apply_update(tx, news).await.map(drop),
            Self::Reauth { old, ended, news } => reauthenticate(tx, *old, *ended, news).await,
            Self::LoginFailed(reference_id, failure) => tx.put_login_failure(reference_id, failure).await,
        }
    }
}

/// Applies an update to its connection; returns whether anything changed.
pub(super) async fn apply_update(tx: &mut dyn Tx, news: &ConnectionUpdate) -> Result<bool, StoreError> {
    let alone = news.as_new_connection();
    if tx.add_known_connection(&alone).await? {
        return Ok(true);
    }
    let known = tx.lock_known_connection(alone.user_id).await?;
    let Some(after) = known.and_then(|known| news.apply_to(&known)) else { return Ok(false) };
    tx.update_known_connection(&after).await?;
    Ok(true)
}

/// Continues a connection under another user id. The old id is stored as deauthenticated, so that a
/// late event for it does not restore it. An event for the new id may have arrived first.
async fn reauthenticate(
    tx: &mut dyn Tx,
    old: UserId,
    ended: ConnectionId,
    news: &ConnectionUpdate,
) -> Result<(), StoreError> {
    let mut new = news.as_new_connection();
    let nothing_known =
        connection_update::ended(KnownConnection { user_id: old, ..new.clone() }, ended, new.changed_at);
    if tx.add_known_connection(&nothing_known).await? {
        return apply_update(tx, news).await.map(drop);
    }
    let known = tx.lock_known_connection(old).await?;
    let Some(known) = known.filter(|known| known.state != ConnectionState::Deauthenticated) else {
        return apply_update(tx, news).await.map(drop);
    };
    tx.update_known_connection(&connection_update::ended(known.clone(), ended, new.changed_at)).await?;
    inherit(&mut new, &known);
    if tx.add_known_connection(&new).await? {
        return Ok(());
    }
    let Some(held) = tx.lock_known_connection(new.user_id).await? else { return Ok(()) };
    let mut after = news.apply_to(&held).unwrap_or(held);
    inherit(&mut after, &known);
    tx.update_known_connection(&after).await
}
