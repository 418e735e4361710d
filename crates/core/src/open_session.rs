//! A session in the hands of its end user: what it offers, what it can end, and where it leads.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use subtle::ConstantTimeEq as _;
use terra_auth_types::{DeliveryId, Provider, SessionId, UserId, wire::Event};
use url::Url;

use crate::{
    auth::Auth,
    connect::ConnectFailure,
    connection::{Connection, DeauthenticateUserError},
    delivery::Delivery,
    developer::Developer,
    digest::sha256,
    event::cancelled_event,
    provider::ProviderInfo,
    redirect,
    store::{StoreError, Tx, Unit},
    widget_session::{SessionState, WidgetSession},
};

/// A session that was asked for with its secret, and the environment it belongs to.
#[derive(Clone)]
pub struct OpenSession {
    /// The session.
    pub session: WidgetSession,
    /// Whose session it is.
    pub developer: Arc<Developer>,
    pub(crate) secret: [u8; 16],
}

/// Whether a session can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can.
    Open,
    /// Its 900 s are over.
    Expired,
    /// It did what it was made for.
    Used,
}

impl std::fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenSession({})", self.session.session_id)
    }
}

impl OpenSession {
    /// The session's page below the widget's URL, `/session/{id}/{secret}`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/session/{}/{}", self.session.session_id, hex::encode(self.secret))
    }

    /// Whether the session can still be used.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        if self.session.state.is_used() {
            Standing::Used
        } else if now >= self.session.expires_at {
            Standing::Expired
        } else {
            Standing::Open
        }
    }

    /// Where a failure leads: at once, or by a link on the page.
    #[must_use]
    pub fn way_back(&self, provider: Option<&Provider>, reason: &str) -> WayBack {
        let request = &self.session.request;
        let url = request.failure_url.as_ref();
        let url = url.map(|url| redirect::with_failure(url, request.reference_id.as_ref(), provider, reason));
        WayBack { at_once: request.bypass_feedback != Some(false) && url.is_some(), url }
    }

    /// Where a failed login leads; `missing_scopes` says which, where that is the reason.
    #[must_use]
    pub fn way_back_failed(&self, provider: &Provider, failure: &ConnectFailure) -> WayBack {
        let WayBack { at_once, mut url } = self.way_back(Some(provider), &failure.to_string());
        if let (Some(url), ConnectFailure::MissingScopes(scopes)) = (&mut url, failure) {
            url.query_pairs_mut().append_pair("missing_scopes", &scopes.join(","));
        }
        WayBack { at_once, url }
    }
}

/// Where an end user goes from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// Whether to go without showing a page first.
    pub at_once: bool,
    /// The app's URL, parameters included.
    pub url: Option<Url>,
}

/// One provider of a session.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The provider.
    pub info: ProviderInfo,
    /// The connection that the end user already has there.
    pub connected: Option<UserId>,
    /// Whether that was made after this session.
    pub is_new: bool,
}

impl Auth {
    /// Finds a session by its id and secret; `None` if there is none, or the secret is another one.
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
        let session = self.store.read(ReadSession(session_id)).await?;
        if self.directory.check_fresh().is_err() {
            self.reload_if_changed().await?; // the store has just answered, so it can be asked
        }
        Ok(session.and_then(|session| {
            let developer = self.directory.developer(&session.dev_id)?;
            Some(OpenSession { session, developer, secret })
        }))
    }

    /// What a session offers, and what its end user has already.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn offers(&self, open: &OpenSession) -> Result<Vec<Offer>, StoreError> {
        let connections = self.store.read(ReadConnectionsOfSession(open.session.clone())).await?;
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

    /// Ends a connection that the session's end user has, where the session allows it.
    ///
    /// # Errors
    ///
    /// See [`DeauthenticateUserError`]; a connection of somebody else is not found.
    pub async fn disconnect(&self, open: &OpenSession, provider: &Provider) -> Result<(), DeauthenticateUserError> {
        let offers = self.offers(open).await?;
        let found = offers.iter().find(|offer| offer.info.provider == *provider).and_then(|offer| offer.connected);
        match found.filter(|_| open.session.request.show_disconnect) {
            Some(user_id) => self.deauthenticate_user(&open.developer, user_id).await,
            None => Err(DeauthenticateUserError::UserNotFound),
        }
    }

    /// Ends a session because the end user gave up in the widget.
    ///
    /// # Errors
    ///
    /// The store failed. A session that is used already stays as it is.
    pub async fn cancel(&self, open: &OpenSession) -> Result<(), StoreError> {
        let unit = FailSession {
            session: open.session.clone(),
            to: SessionState::Cancelled,
            event: cancelled_event(open, None, "user_cancelled"),
            delivery_id: self.delivery_id(),
            now: self.now(),
        };
        self.store.run(unit).await?;
        self.outbox.notify_one();
        Ok(())
    }
}

struct ReadSession(SessionId);

#[async_trait]
impl Unit for ReadSession {
    type Done = Option<WidgetSession>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.widget_session(self.0).await
    }
}

/// The connections that the session's end user has, and those the app named.
struct ReadConnectionsOfSession(WidgetSession);

#[async_trait]
impl Unit for ReadConnectionsOfSession {
    type Done = Vec<Connection>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let mut connections = match &self.0.request.reference_id {
            Some(reference_id) => tx.connections_of(&self.0.dev_id, reference_id, 500).await?,
            None => Vec::new(),
        };
        for user_id in &self.0.request.connected_users {
            connections.extend(tx.connection(&self.0.dev_id, *user_id).await?);
        }
        Ok(connections)
    }
}

/// Ends a session, or an attempt in it, without a connection.
pub(crate) struct FailSession {
    pub(crate) session: WidgetSession,
    pub(crate) to: SessionState,
    pub(crate) event: Event,
    pub(crate) delivery_id: DeliveryId,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Unit for FailSession {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if tx.move_widget_session(self.session.session_id, self.to).await? {
            tx.add_delivery(&Delivery::new(self.delivery_id, &self.session.dev_id, &self.event, self.now)).await?;
        }
        Ok(())
    }
}
