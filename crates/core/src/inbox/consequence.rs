use jiff::Timestamp;
use terra_auth_types::{
    ConnectionId, ReferenceId, UserId,
    wire::{AuthCancelled, Event, TerraUser},
};

use super::{Inbox, text};
use crate::{
    known_connection::{Change, ConnectionState, KnownConnection, LoginFailure, News},
    store::{StoreError, Tx},
};

/// What follows from an event.
pub(super) enum Consequence {
    /// Something happened to a connection.
    News(News),
    /// A connection goes on under another user id.
    Reauth { old: UserId, ended: ConnectionId, news: News },
    /// A login failed.
    LoginFailed(ReferenceId, LoginFailure),
}

/// Longer than any reason that is not an attack.
const MAX_REASON: usize = 512;

impl Inbox {
    pub(super) fn consequence(&self, event: &Event, at: Timestamp) -> Option<Consequence> {
        let news = |user: &TerraUser, change| Some(Consequence::News(self.news(user, change, at)));
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
                    Some(Consequence::Reauth { old, ended, news: self.news(&event.new_user, Change::Connected, at) })
                }
            },
            _ => None,
        }
    }

    /// News about a user, with an id for the case that nobody knows it yet.
    pub(super) fn news(&self, user: &TerraUser, change: Change, at: Timestamp) -> News {
        let connection_id = ConnectionId(self.0.entropy.id_at(user.created_at.unwrap_or(at)));
        News::new(connection_id, user, change, at)
    }
}

/// An older sender adds the user that did not come to be. It is no connection, and says nothing about any other.
fn login_failed(event: &AuthCancelled, at: Timestamp) -> Option<Consequence> {
    let reference_id = event.reference_id()?.parse().ok()?;
    let reason = event.reason.as_ref().map(|reason| text(reason, MAX_REASON));
    Some(Consequence::LoginFailed(reference_id, LoginFailure { reason, at }))
}

impl Consequence {
    pub(super) async fn apply(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        match self {
            Self::News(news) => hear(tx, news).await.map(drop),
            Self::Reauth { old, ended, news } => reauthenticate(tx, *old, *ended, news).await,
            Self::LoginFailed(reference_id, failure) => tx.put_login_failure(reference_id, failure).await,
        }
    }
}

/// Applies news to the connection they are about; answers whether they changed it.
pub(super) async fn hear(tx: &mut dyn Tx, news: &News) -> Result<bool, StoreError> {
    let alone = news.alone();
    if tx.add_known_connection(&alone).await? {
        return Ok(true);
    }
    let known = tx.hold_known_connection(alone.user_id).await?;
    let Some(after) = known.and_then(|known| known.after(news)) else { return Ok(false) };
    tx.update_known_connection(&after).await?;
    Ok(true)
}

/// Lets a connection go on under another user id; the old one is remembered as ended, so that late news of it are
/// not taken for a connection. News of the new id may have come first.
async fn reauthenticate(tx: &mut dyn Tx, old: UserId, ended: ConnectionId, news: &News) -> Result<(), StoreError> {
    let mut new = news.alone();
    let nothing_known = KnownConnection { user_id: old, ..new.clone() }.ended(ended, new.changed_at);
    if tx.add_known_connection(&nothing_known).await? {
        return hear(tx, news).await.map(drop);
    }
    let known = tx.hold_known_connection(old).await?;
    let Some(known) = known.filter(|known| known.state != ConnectionState::Deauthenticated) else {
        return hear(tx, news).await.map(drop);
    };
    tx.update_known_connection(&known.clone().ended(ended, new.changed_at)).await?;
    new.inherit(&known);
    if tx.add_known_connection(&new).await? {
        return Ok(());
    }
    let Some(held) = tx.hold_known_connection(new.user_id).await? else { return Ok(()) };
    let mut after = held.after(news).unwrap_or(held);
    after.inherit(&known);
    tx.update_known_connection(&after).await
}
