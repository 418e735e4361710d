//! Stores a new connection. It can renew or replace an earlier connection of the same account.

use jiff::Timestamp;
use terra_auth_model::{
    connection::Connection,
    developer::Developer,
    event::EventRecord,
    grant::StoredGrant,
    provider::{RevokeScope, Tokens},
    revocation::Revocation,
    store::Tx,
    store_error::StoreError,
};
use terra_auth_types::{EventId, SessionId, UserId, wire::Event};
use uuid::Uuid;

use crate::{
    auth::Auth,
    event::{Proof, auth_event, permission_event, publish, publish_after, reauth_event},
    revocation::{RemovalReason, remove_connection},
};

/// A new connection that is not stored yet.
#[derive(Clone)]
pub(crate) struct NewConnection {
    /// The connection if it replaces none. Its tokens are separate, because they are encrypted for the user id that the
    /// connection gets.
    pub(crate) connection: Connection,
    pub(crate) tokens: Option<Tokens>,
    /// The login that created it, if there was one.
    pub(crate) flow_id: Option<Uuid>,
    pub(crate) session_id: Option<SessionId>,
    pub(crate) proof: Proof,
    pub(crate) event_ids: [EventId; 2],
    pub(crate) now: Timestamp,
}

impl NewConnection {
    /// Stores the connection, and the events that notify the app. `earlier` are the connections that it replaces,
    /// oldest first.
    ///
    /// Returns the user id. It is a new one, or the id of an earlier connection if the environment reuses ids
    /// (`keep_user_id`). A connection with [`Proof::Claim`] never gets the id of an earlier one.
    ///
    /// Source: "When a user comes back" in `docs/compatibility.md`.
    pub(crate) async fn add_or_renew_connection(
        &self,
        auth: &Auth,
        tx: &mut dyn Tx,
        developer: &Developer,
        earlier: &[Connection],
    ) -> Result<UserId, StoreError> {
        let renewed = match earlier.iter().max_by_key(|old| (old.active, old.created_at)) {
            Some(old) if developer.keep_user_id && self.proof == Proof::OfUser => self.renew(auth, tx, old).await?,
            _ => None,
        };
        let replaced = RemovalReason::Replaced(self.tokens.as_ref());
        for old in earlier {
            if renewed != Some(old.user_id) {
                remove_connection(auth, tx, (&old.dev_id, old.user_id), replaced, self.now).await?;
            }
        }
        match renewed {
            Some(user_id) => Ok(user_id),
            None => self.add(auth, tx, earlier).await,
        }
    }

    /// Renews an earlier connection. The events are `auth` and, if the scopes differ, `permission_change`. Returns
    /// `None` if the earlier connection was just removed.
    async fn renew(&self, auth: &Auth, tx: &mut dyn Tx, old: &Connection) -> Result<Option<UserId>, StoreError> {
        let held = tx.lock_grant(&old.dev_id, old.user_id).await?;
        let scopes_before = held.as_ref().map_or(&old.scopes, |grant| &grant.scopes);
        let (user_id, created_at, last_webhook_update) = (old.user_id, old.created_at, old.last_webhook_update);
        let new = self.sealed(auth, Connection { user_id, created_at, last_webhook_update, ..self.connection.clone() });
        if !tx.renew_connection(&new, self.now).await? {
            return Ok(None);
        }
        if let Some(grant) = &held {
            self.revoke_unused_grant(auth, tx, grant).await?;
        }
        self.add_event(tx, &new, permission_event(&new, scopes_before.as_deref())).await?;
        Ok(Some(user_id))
    }

    /// Revokes the earlier grant, if the provider revokes single grants. Elsewhere the call would revoke the new tokens
    /// too (decision 9).
    async fn revoke_unused_grant(&self, auth: &Auth, tx: &mut dyn Tx, grant: &StoredGrant) -> Result<(), StoreError> {
        let (RevokeScope::Grant, Ok(before), Some(now)) =
            (auth.revoke_scope(&grant.provider), auth.open_grant(grant), &self.tokens)
        else {
            return Ok(());
        };
        if before.shares_with(now) {
            return Ok(());
        }
        let user_id = UserId(auth.entropy().id()); // the connection's own id is still in use
        let owed = Revocation {
            user_id,
            dev_id: grant.dev_id.clone(),
            provider: grant.provider.clone(),
            account: Some(self.connection.account.clone()),
            grant: Some(auth.seal_grant(&grant.dev_id, user_id, &before)),
            in_flight_since: grant.in_flight_since,
            created_at: self.now,
            attempts: 0,
            next_attempt_at: grant.lease_until.map_or(self.now, |until| until.max(self.now)),
        };
        tx.add_revocation(&owed).await
    }

    /// Adds a connection. The events are `auth` and, if it replaces an active connection, `user_reauth`.
    async fn add(&self, auth: &Auth, tx: &mut dyn Tx, earlier: &[Connection]) -> Result<UserId, StoreError> {
        let new = self.sealed(auth, self.connection.clone());
        tx.add_connection(&new).await?;
        let old = earlier.iter().rev().find(|old| old.active);
        self.add_event(tx, &new, old.map(|old| reauth_event(&new, old, self.proof))).await?;
        Ok(new.user_id)
    }

    fn sealed(&self, auth: &Auth, connection: Connection) -> Connection {
        let seal = |tokens| auth.seal_grant(&connection.dev_id, connection.user_id, tokens);
        Connection { grant: self.tokens.as_ref().map(seal), ..connection }
    }

    /// Adds the event `auth`, and a second event that is sent after `auth` has arrived. The app therefore knows the new
    /// user id before it learns which id was replaced.
    async fn add_event(&self, tx: &mut dyn Tx, new: &Connection, second: Option<Event>) -> Result<(), StoreError> {
        let [first_id, second_id] = self.event_ids;
        let first = auth_event(new, self.flow_id, self.session_id);
        publish(tx, &EventRecord::new(first_id, &new.dev_id, &first, self.now)).await?;
        let Some(second) = second else { return Ok(()) };
        publish_after(tx, &EventRecord::new(second_id, &new.dev_id, &second, self.now), first_id).await
    }
}
