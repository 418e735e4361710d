//! Where a new connection goes: beside the others, or in the place of an earlier one of the same account.

use jiff::Timestamp;
use terra_auth_types::{DeliveryId, SessionId, UserId, wire::Event};
use uuid::Uuid;

use super::Connection;
use crate::{
    auth::Auth,
    delivery::{Delivery, PREDECESSOR_TIMEOUT},
    developer::Developer,
    event::{auth_event, permission_event, reauth_event},
    grant::KeptGrant,
    provider::{Ends, Tokens},
    revocation::{End, Revocation, end_connection},
    store::{StoreError, Tx},
};

/// Whether it is proven that a new connection belongs to the end user of its reference id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The app's backend named the end user.
    OfUser,
    /// A phone named the end user by itself: its mobile token was minted for no reference id.
    Claim,
}

/// A connection that somebody has just made.
#[derive(Clone)]
pub(crate) struct NewConnection {
    /// As it is if it replaces nothing; its tokens are beside it, to be sealed for the user id that it gets.
    pub(crate) connection: Connection,
    pub(crate) tokens: Option<Tokens>,
    /// The login that made it.
    pub(crate) flow_id: Option<Uuid>,
    pub(crate) session_id: Option<SessionId>,
    pub(crate) proof: Proof,
    pub(crate) delivery_ids: [DeliveryId; 2],
    pub(crate) now: Timestamp,
}

impl NewConnection {
    /// Puts it into the store, where `earlier` are the connections that it replaces, oldest first, and tells the app.
    /// Answers with its user id: a new one, or the earlier one's where the environment keeps them. A mere claim never gets the
    /// id of an earlier connection.
    ///
    /// Source: "When a user comes back" in `docs/compatibility.md`.
    pub(crate) async fn place(
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
        let replaced = End::Replaced(self.tokens.as_ref());
        for old in earlier {
            if renewed != Some(old.user_id) {
                end_connection(auth, tx, (&old.dev_id, old.user_id), replaced, self.now).await?;
            }
        }
        match renewed {
            Some(user_id) => Ok(user_id),
            None => self.add(auth, tx, earlier).await,
        }
    }

    /// `auth`, and `permission_change` if other scopes are granted; `None` if the earlier one has just gone.
    async fn renew(&self, auth: &Auth, tx: &mut dyn Tx, old: &Connection) -> Result<Option<UserId>, StoreError> {
        let held = tx.hold_grant(&old.dev_id, old.user_id).await?;
        let scopes_before = held.as_ref().map_or(&old.scopes, |grant| &grant.scopes);
        let (user_id, created_at, last_webhook_update) = (old.user_id, old.created_at, old.last_webhook_update);
        let new = self.sealed(auth, Connection { user_id, created_at, last_webhook_update, ..self.connection.clone() });
        if !tx.renew_connection(&new, self.now).await? {
            return Ok(None);
        }
        if let Some(grant) = &held {
            self.give_back(auth, tx, grant).await?;
        }
        self.tell(tx, &new, permission_event(&new, scopes_before.as_deref())).await?;
        Ok(Some(user_id))
    }

    /// The grant before is revoked where that ends no more than itself; elsewhere the new tokens would go too (decision 9).
    async fn give_back(&self, auth: &Auth, tx: &mut dyn Tx, grant: &KeptGrant) -> Result<(), StoreError> {
        let (Ends::Grant, Ok(before), Some(now)) = (auth.ends(&grant.provider), auth.open_grant(grant), &self.tokens)
        else {
            return Ok(());
        };
        if before.shares_with(now) {
            return Ok(());
        }
        let user_id = UserId(auth.entropy.id()); // the connection's own is still in use
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

    /// `auth`, and `user_reauth` if one that worked is replaced.
    async fn add(&self, auth: &Auth, tx: &mut dyn Tx, earlier: &[Connection]) -> Result<UserId, StoreError> {
        let new = self.sealed(auth, self.connection.clone());
        tx.add_connection(&new).await?;
        let old = earlier.iter().rev().find(|old| old.active);
        self.tell(tx, &new, old.map(|old| reauth_event(&new, old, self.proof))).await?;
        Ok(new.user_id)
    }

    fn sealed(&self, auth: &Auth, connection: Connection) -> Connection {
        let seal = |tokens| auth.seal_grant(&connection.dev_id, connection.user_id, tokens);
        Connection { grant: self.tokens.as_ref().map(seal), ..connection }
    }

    /// `auth`, and after it has arrived the second event: an app knows the new user id before it is told what it replaces.
    async fn tell(&self, tx: &mut dyn Tx, new: &Connection, second: Option<Event>) -> Result<(), StoreError> {
        let [first_id, second_id] = self.delivery_ids;
        let first = auth_event(new, self.flow_id, self.session_id);
        tx.add_delivery(&Delivery::new(first_id, &new.dev_id, &first, self.now)).await?;
        let Some(second) = second else { return Ok(()) };
        let latest = self.now.saturating_add(PREDECESSOR_TIMEOUT).unwrap_or(Timestamp::MAX);
        let second = Delivery::new(second_id, &new.dev_id, &second, self.now);
        tx.add_delivery_after(&Delivery { next_attempt_at: latest, ..second }, first_id).await
    }
}
