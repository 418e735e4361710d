//! The way to a provider and back: what a session offers, the login, and the connection it makes.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use secrecy::SecretString;
use subtle::ConstantTimeEq as _;
use terra_auth_types::{DeliveryId, Provider, SessionId, UserId, wire::Event};
use url::Url;
use uuid::Uuid;

use crate::{
    auth::Auth,
    causes::Causes,
    connection::{Connection, DeauthenticateUserError},
    delivery::Delivery,
    developer::Developer,
    digest::sha256,
    event::{auth_event, cancelled_event, replace_connections},
    flow::Flow,
    provider::{AuthorizationRequest, CodeExchange, Connects, Grant, ProviderError, ProviderInfo},
    redirect,
    seal::Place,
    store::{StoreError, Tx, Unit},
    widget_session::{SESSION_TTL, SessionState, WidgetSession},
};

/// A session that was asked for with its secret, and the environment it belongs to.
#[derive(Clone)]
pub struct OpenSession {
    /// The session.
    pub session: WidgetSession,
    /// Whose session it is.
    pub developer: Arc<Developer>,
    secret: [u8; 16],
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
pub struct Offer<'a> {
    /// The provider.
    pub info: &'a ProviderInfo,
    /// The connection that the end user already has there.
    pub connected: Option<UserId>,
}

/// Why nobody was sent to a provider.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The session does not offer it.
    #[error("this session does not offer that provider")]
    NotOffered,
    /// The environment has as many users as it may have.
    #[error("this environment's user limit is reached; disconnect a user, or use another environment")]
    UserLimit,
    /// The session ended in the meantime.
    #[error("this session was used already")]
    Used,
    /// The provider's recipe does not work.
    #[error("could not begin the login")]
    Provider(#[from] ProviderError),
    /// The store failed.
    #[error("could not begin the login")]
    Store(#[from] StoreError),
}

/// What the browser needs for a login.
#[derive(Clone, Debug)]
pub struct Departure {
    /// The provider's login page.
    pub url: Url,
    /// Name of the cookie that binds the login to this browser.
    pub cookie_name: String,
    /// Its value; a secret.
    pub cookie_value: SecretString,
}

/// What a provider's redirect says.
#[derive(Debug)]
pub struct ProviderAnswer {
    /// The code, or the OAuth error in its place.
    pub code: Result<SecretString, String>,
    /// Who says so (RFC 9207).
    pub iss: Option<String>,
    /// The cookie that binds the login to a browser.
    pub cookie: Option<String>,
}

/// Why a redirect from a provider leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// The `state` was not made here, or for another provider.
    #[error("the login's state is not ours")]
    UnknownState,
    /// The login was begun in another browser.
    #[error("the login was begun in another browser")]
    WrongBrowser,
    /// It took longer than 15 minutes.
    #[error("the login took too long")]
    Expired(Box<OpenSession>),
    /// The session was used in the meantime.
    #[error("this session was used already")]
    Used(Box<OpenSession>),
    /// The store failed.
    #[error("could not finish the login")]
    Store(#[from] StoreError),
}

/// Back from the provider.
#[derive(Debug)]
pub struct Arrival {
    /// The session.
    pub open: OpenSession,
    /// The provider.
    pub provider: Provider,
    /// Whether there is a connection now.
    pub outcome: Result<Connected, ConnectFailure>,
}

/// A connection was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The new connection.
    pub user_id: UserId,
    /// What was asked for and not granted.
    pub declined_scopes: Vec<String>,
    /// Where the end user goes from here.
    pub way_back: WayBack,
}

/// No connection was made, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectFailure {
    /// The end user said no.
    #[error("access_denied")]
    Denied,
    /// The provider refused, with this OAuth error code.
    #[error("{0}")]
    Refused(String),
    /// The provider could not be reached.
    #[error("provider_unavailable")]
    ProviderDown,
    /// The environment has as many users as it may have.
    #[error("user_limit_reached")]
    UserLimit,
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

    async fn load_session(&self, session_id: SessionId, secret: [u8; 16]) -> Result<Option<OpenSession>, StoreError> {
        let session = self.store.read(ReadSession(session_id)).await?;
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
    pub async fn offers(&self, open: &OpenSession) -> Result<Vec<Offer<'_>>, StoreError> {
        let connections = self.store.read(ReadConnectionsOfSession(open.session.clone())).await?;
        let names = open.session.request.providers.iter();
        let infos = names.filter_map(|name| self.offered(&open.developer, name.as_str()));
        let connected = |info: &ProviderInfo| {
            connections.iter().find(|connection| connection.provider == info.provider).map(|found| found.user_id)
        };
        Ok(infos.map(|info| Offer { info, connected: connected(info) }).collect())
    }

    /// Begins a login at a provider.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub async fn connect(&self, open: &OpenSession, name: &str) -> Result<Departure, ConnectError> {
        let info = self.offered(&open.developer, name).filter(|info| info.connects == Connects::ByLogin);
        let provider = info.map(|info| info.provider.clone()).ok_or(ConnectError::NotOffered)?;
        if !open.session.request.providers.contains(&provider) {
            return Err(ConnectError::NotOffered);
        }
        let cookie_value = hex::encode(self.entropy.bytes::<16>());
        let flow = Flow {
            id: self.entropy.id(),
            provider: provider.clone(),
            session_id: open.session.session_id,
            session_secret: open.secret,
            code_verifier: self.entropy.bytes(),
            cookie_digest: sha256(cookie_value.as_bytes()),
            expires_at: self.now() + SESSION_TTL,
        };
        let request = AuthorizationRequest {
            state: self.seal_flow(&flow),
            code_challenge: BASE64.encode(digest(&SHA256, BASE64.encode(flow.code_verifier).as_bytes())),
            redirect_uri: self.redirect_uri(&provider),
        };
        let url = self.providers.authorization_url(&provider, &request)?;
        self.store.run(BeginLogin { session: open.session.clone(), provider }).await?;
        Ok(Departure { url, cookie_name: flow.cookie_name(), cookie_value: cookie_value.into() })
    }

    /// Where a provider sends end users back; to be registered there, exactly.
    #[must_use]
    pub fn redirect_uri(&self, provider: &Provider) -> Url {
        self.widget_page(&["auth", &provider.slug(), "oauth2"])
    }

    /// Ends a login: exchanges the code and makes the connection, or records the failure.
    ///
    /// # Errors
    ///
    /// See [`ReturnError`]; nothing was changed.
    pub async fn finish(&self, flow: Flow, answer: ProviderAnswer) -> Result<Arrival, ReturnError> {
        let open = self.load_session(flow.session_id, flow.session_secret).await?.ok_or(ReturnError::UnknownState)?;
        let digest = sha256(answer.cookie.unwrap_or_default().as_bytes());
        if !bool::from(digest.ct_eq(&flow.cookie_digest)) {
            return Err(ReturnError::WrongBrowser);
        }
        if self.providers.issuer(&flow.provider).is_some_and(|issuer| answer.iss.as_deref() != Some(issuer)) {
            return Err(ReturnError::UnknownState);
        }
        if open.session.state.is_used() {
            return Err(ReturnError::Used(Box::new(open)));
        }
        if self.now() >= flow.expires_at {
            return Err(ReturnError::Expired(Box::new(open)));
        }
        let outcome = match self.redeem(&flow, answer.code).await {
            Ok(grant) => self.complete(&open, &flow, grant).await?,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &outcome {
            self.fail(&open, &flow, failure).await?;
        }
        self.outbox.notify_one();
        Ok(Arrival { open, provider: flow.provider, outcome })
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

    async fn redeem(&self, flow: &Flow, code: Result<SecretString, String>) -> Result<Grant, ConnectFailure> {
        let code = code.map_err(|error| ConnectFailure::from_oauth(&error))?;
        let code_verifier = BASE64.encode(flow.code_verifier).into();
        let exchange = CodeExchange { code, code_verifier, redirect_uri: self.redirect_uri(&flow.provider) };
        self.providers.exchange(&flow.provider, &exchange).await.map_err(|error| {
            tracing::warn!(provider = %flow.provider, error = %Causes(&error), "a login could not be finished at {}", flow.provider);
            match error {
                ProviderError::Refused { code } => ConnectFailure::from_oauth(&code),
                ProviderError::Unknown | ProviderError::Unreachable(_) | ProviderError::Unreadable => {
                    ConnectFailure::ProviderDown
                }
            }
        })
    }

    async fn complete(
        &self,
        open: &OpenSession,
        flow: &Flow,
        grant: Grant,
    ) -> Result<Result<Connected, ConnectFailure>, ReturnError> {
        let session = &open.session;
        let user_id = session.user_id.unwrap_or_else(|| UserId(self.entropy.id()));
        let row = user_id.to_string();
        let place = Place { dev_id: session.dev_id.as_str(), row: &row, column: "grant" };
        let connection = Connection {
            user_id,
            dev_id: session.dev_id.clone(),
            provider: flow.provider.clone(),
            account: grant.account,
            reference_id: session.request.reference_id.clone(),
            scopes: Some(grant.scopes.join(",")),
            active: true,
            created_at: self.now(),
            last_webhook_update: None,
            grant: Some(self.keys.seal(self.entropy.as_ref(), place, &grant.tokens.to_json())),
        };
        let unit = CompleteConnection {
            connection,
            session: session.clone(),
            flow_id: flow.id,
            delivery_ids: [self.delivery_id(), self.delivery_id()],
            now: self.now(),
        };
        match self.store.run(unit).await {
            Ok(()) => {
                let way_back = self.way_back_connected(session, user_id, &flow.provider);
                Ok(Ok(Connected { user_id, declined_scopes: grant.declined_scopes, way_back }))
            }
            Err(CompleteError::UserLimit) => Ok(Err(ConnectFailure::UserLimit)),
            Err(CompleteError::Used) => Err(ReturnError::Used(Box::new(open.clone()))),
            Err(CompleteError::Store(error)) => Err(error.into()),
        }
    }

    fn way_back_connected(&self, session: &WidgetSession, user_id: UserId, provider: &Provider) -> WayBack {
        let request = &session.request;
        let own_page = self.widget_page(&["session", "demo", "success"]);
        let stays = request.bypass_feedback == Some(false) || request.multi_auth;
        let target =
            if stays { request.success_url.as_ref() } else { request.success_url.as_ref().or(Some(&own_page)) };
        let url = target.map(|url| redirect::with_success(url, user_id, request.reference_id.as_ref(), provider));
        WayBack { at_once: !stays, url }
    }

    async fn fail(&self, open: &OpenSession, flow: &Flow, failure: &ConnectFailure) -> Result<(), StoreError> {
        let unit = FailSession {
            session: open.session.clone(),
            to: SessionState::Failed,
            event: cancelled_event(open, Some(flow.id), &failure.to_string()),
            delivery_id: self.delivery_id(),
            now: self.now(),
        };
        self.store.run(unit).await
    }
}

impl ConnectFailure {
    fn from_oauth(code: &str) -> Self {
        match code {
            "access_denied" => Self::Denied,
            "temporarily_unavailable" | "server_error" => Self::ProviderDown,
            known if known.len() <= 64 && known.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
                Self::Refused(known.to_owned())
            }
            _ => Self::Refused("provider_error".to_owned()),
        }
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

struct BeginLogin {
    session: WidgetSession,
    provider: Provider,
}

#[async_trait]
impl Unit for BeginLogin {
    type Done = ();
    type Refusal = ConnectError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), ConnectError> {
        let developer = tx.developer(&self.session.dev_id).await?.ok_or(ConnectError::NotOffered)?;
        if is_full(tx, &developer).await? && !self.is_connected(tx).await? {
            return Err(ConnectError::UserLimit);
        }
        if tx.move_widget_session(self.session.session_id, SessionState::AtProvider).await? {
            Ok(())
        } else {
            Err(ConnectError::Used)
        }
    }
}

impl BeginLogin {
    /// Somebody who comes back takes no new place.
    async fn is_connected(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Some(reference_id) = &self.session.request.reference_id else { return Ok(false) };
        let connections = tx.connections_of(&self.session.dev_id, reference_id, 500).await?;
        Ok(connections.iter().any(|connection| connection.provider == self.provider))
    }
}

pub(crate) async fn is_full(tx: &mut dyn Tx, developer: &Developer) -> Result<bool, StoreError> {
    match developer.user_limit {
        Some(limit) => Ok(tx.count_connections(&developer.dev_id).await? >= u64::from(limit)),
        None => Ok(false),
    }
}

struct CompleteConnection {
    connection: Connection,
    session: WidgetSession,
    flow_id: Uuid,
    delivery_ids: [DeliveryId; 2],
    now: Timestamp,
}

#[derive(Debug, thiserror::Error)]
enum CompleteError {
    #[error("user limit reached")]
    UserLimit,
    #[error("session used")]
    Used,
    #[error("could not complete the connection")]
    Store(#[from] StoreError),
}

#[async_trait]
impl Unit for CompleteConnection {
    type Done = ();
    type Refusal = CompleteError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), CompleteError> {
        let new = &self.connection;
        let developer = tx.hold_developer(&new.dev_id).await?.ok_or(StoreError::Closed)?;
        let to = if self.session.request.multi_auth { SessionState::Open } else { SessionState::Connected };
        if !tx.move_widget_session(self.session.session_id, to).await? {
            return Err(CompleteError::Used);
        }
        let reference_id = new.reference_id.as_ref();
        let earlier = tx.connections_of_account(&new.dev_id, &new.provider, &new.account, reference_id).await?;
        if earlier.is_empty() && is_full(tx, &developer).await? {
            return Err(CompleteError::UserLimit);
        }
        let event = auth_event(new, Some(self.flow_id), Some(self.session.session_id));
        replace_connections(tx, new, &earlier, &event, self.delivery_ids, self.now).await?;
        Ok(())
    }
}

struct FailSession {
    session: WidgetSession,
    to: SessionState,
    event: Event,
    delivery_id: DeliveryId,
    now: Timestamp,
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
