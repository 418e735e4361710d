//! The way to a provider and back: the login, and the connection it makes.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use secrecy::SecretString;
use subtle::ConstantTimeEq as _;
use terra_auth_types::{DeliveryId, Provider, UserId};
use url::Url;
use uuid::Uuid;

use crate::{
    auth::Auth,
    causes::Causes,
    connection::Connection,
    developer::Developer,
    digest::sha256,
    event::{auth_event, cancelled_event, replace_connections},
    flow::Flow,
    open_session::{FailSession, OpenSession, WayBack},
    provider::{AuthorizationRequest, CodeExchange, Connects, Grant, ProviderError},
    redirect,
    seal::Place,
    store::{StoreError, Tx, Unit},
    widget_session::{SESSION_TTL, SessionState, WidgetSession},
};

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
    /// What was granted, where the provider tells it here.
    pub scope: Option<String>,
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
        let reference_id = open.session.request.reference_id.clone();
        let exchange = |code| CodeExchange {
            code,
            code_verifier: BASE64.encode(flow.code_verifier).into(),
            redirect_uri: self.redirect_uri(&flow.provider),
            scope: answer.scope,
            reference_id,
        };
        let outcome = match self.redeem(&flow.provider, answer.code.map(exchange)).await {
            Ok(grant) => self.complete(&open, &flow, grant).await?,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &outcome {
            self.fail(&open, &flow, failure).await?;
        }
        self.outbox.notify_one();
        Ok(Arrival { open, provider: flow.provider, outcome })
    }

    async fn redeem(
        &self,
        provider: &Provider,
        exchange: Result<CodeExchange, String>,
    ) -> Result<Grant, ConnectFailure> {
        let exchange = exchange.map_err(|error| ConnectFailure::from_oauth(&error))?;
        let grant = self.providers.exchange(provider, &exchange).await;
        let usable = |grant: Grant| if is_account(&grant.account) { Ok(grant) } else { Err(ProviderError::Unreadable) };
        grant.and_then(usable).map_err(|error| {
            tracing::warn!(%provider, error = %Causes(&error), "a login could not be finished at {provider}");
            match error {
                ProviderError::Refused { code } => ConnectFailure::from_oauth(&code),
                ProviderError::Unknown
                | ProviderError::ShutDown(_)
                | ProviderError::InsecureCallback
                | ProviderError::Unreachable(_)
                | ProviderError::Unreadable => ConnectFailure::ProviderDown,
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

/// Whether an account's id can be kept and found again.
fn is_account(id: &str) -> bool {
    (1..=512).contains(&id.len()) && !id.chars().any(char::is_control)
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
