//! The pages of a widget session: what it offers, how it is cancelled, and how its end user disconnects a provider.

use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use terra_auth_model::{
    connection::{Connection, MAX_CONNECTIONS_OF_END_USER},
    digest::sha256,
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
    widget_session::{SessionState, WidgetSession},
};
use terra_auth_types::{Provider, SessionId};

use crate::{
    auth::Auth,
    connection::DeauthenticateUserError,
    event::cancelled_event,
    login::{
        failure::FailSession,
        open_session::{Offer, OpenSession},
    },
};

impl Auth {
    /// Finds a session by its id and secret; `None` if it does not exist or the secret is wrong.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn open_session(&self, session_id: SessionId, secret: &str) -> Result<Option<OpenSession>, StoreError> {
        let mut bytes = [0; 16];
        if hex::decode_to_slice(secret, &mut bytes).is_err() {
            return Ok(None);
        }
        let found = self.load_session(session_id, bytes).await?;
        Ok(found.filter(|open| bool::from(open.session.secret_digest.ct_eq(&sha256(&bytes)))))
    }

    pub(crate) async fn load_session(
        &self,
        session_id: SessionId,
        secret: [u8; 16],
    ) -> Result<Option<OpenSession>, StoreError> {
        let session = self.store().read(ReadSession { session_id }).await?;
        if self.directory().check_fresh().is_err() {
            self.reload_if_changed().await?; // the store has just answered, so it is reachable
        }
        Ok(session.and_then(|session| {
            let developer = self.directory().developer(&session.dev_id)?;
            Some(OpenSession { session, developer, secret })
        }))
    }

    /// Lists the providers that a session offers, with the end user's connections.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn offers(&self, open: &OpenSession) -> Result<Vec<Offer>, StoreError> {
        let connections = self.store().read(ReadConnectionsOfSession(open.session.clone())).await?;
        let names = open.session.request.providers.iter();
        let infos = names.filter_map(|name| self.offered(&open.developer, name.as_str()));
        let offers = infos.map(|info| {
            let connected = connections.iter().filter(|connection| connection.provider == info.provider);
            let newest = connected.max_by_key(|connection| connection.created_at);
            let is_new = newest.is_some_and(|newest| newest.created_at >= open.session.created_at);
            let connected = newest.map(|newest| newest.user_id);
            Offer { info, connected, is_new }
        });
        Ok(offers.collect())
    }

    /// Removes a connection of the session's end user, if the session allows it.
    ///
    /// # Errors
    ///
    /// See [`DeauthenticateUserError`]; another user's connection is reported as not found.
    pub async fn disconnect(&self, open: &OpenSession, provider: &Provider) -> Result<(), DeauthenticateUserError> {
        let offers = self.offers(open).await?;
        let found = offers.iter().find(|offer| offer.info.provider == *provider).and_then(|offer| offer.connected);
        match found.filter(|_| open.session.request.show_disconnect) {
            Some(user_id) => self.deauthenticate_user(&open.developer, user_id).await,
            None => Err(DeauthenticateUserError::UserNotFound),
        }
    }

    /// Ends a session because the end user cancelled in the widget.
    ///
    /// # Errors
    ///
    /// The store failed. A session that is used already does not change.
    pub async fn cancel(&self, open: &OpenSession) -> Result<(), StoreError> {
        let unit = FailSession {
            session: open.session.clone(),
            to: SessionState::Cancelled,
            event: cancelled_event(open, None, "user_cancelled"),
            event_id: self.new_event_id(),
            now: self.now(),
        };
        self.store().run(unit).await?;
        self.outbox().notify_one();
        Ok(())
    }
}

unit!(ReadSession(session_id: SessionId) -> Option<WidgetSession> = |tx| tx.widget_session(*session_id));

/// Reads the connections of the session's end user, and those that the app named.
struct ReadConnectionsOfSession(WidgetSession);

#[async_trait]
impl Unit for ReadConnectionsOfSession {
    type Done = Vec<Connection>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let mut connections = match &self.0.request.reference_id {
            Some(reference_id) => tx.connections_of(&self.0.dev_id, reference_id, MAX_CONNECTIONS_OF_END_USER).await?,
            None => Vec::new(),
        };
        for user_id in &self.0.request.connected_users {
            connections.extend(tx.connection(&self.0.dev_id, *user_id).await?);
        }
        Ok(connections)
    }
}
