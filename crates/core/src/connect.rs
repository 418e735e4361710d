//! The way to a provider and back: the login, and the connection it makes.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use secrecy::SecretString;
use subtle::ConstantTimeEq as _;
use terra_auth_types::{Provider, UserId};
use url::Url;

use crate::{
    auth::Auth,
    causes::Causes,
    developer::Developer,
    digest::sha256,
    flow::Flow,
    lock::Lock,
    open_session::{OpenSession, WayBack},
    provider::{AuthorizationRequest, CodeExchange, Connects, Grant, ProviderError},
    store::{StoreError, Tx, Unit},
    widget_session::{SESSION_TTL, SessionState, WidgetSession},
};

mod complete;
mod failure;

pub use failure::ConnectFailure;
use failure::Unused;

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

impl Auth {
    /// Begins a login at a provider, or tells the app why there is none.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub async fn connect(&self, open: &OpenSession, name: &str) -> Result<Departure, ConnectError> {
        let outcome = self.depart(open, name).await;
        match &outcome {
            Err(ConnectError::UserLimit) => self.fail_once(open, None, &ConnectFailure::UserLimit).await?,
            Err(ConnectError::Provider(error)) => self.fail_once(open, None, &ConnectFailure::from(error)).await?,
            Ok(_) | Err(ConnectError::NotOffered | ConnectError::Used | ConnectError::Store(_)) => {}
        }
        outcome
    }

    async fn depart(&self, open: &OpenSession, name: &str) -> Result<Departure, ConnectError> {
        let info = self.offered(&open.developer, name).filter(|info| info.connects == Connects::ByLogin);
        let provider = info.map(|info| info.provider.clone()).ok_or(ConnectError::NotOffered)?;
        if !open.session.request.providers.contains(&provider) {
            return Err(ConnectError::NotOffered);
        }
        let app = self.app_for_login(&open.developer.dev_id, &provider)?;
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
        let url = self.providers.authorization_url(&provider, app.as_ref(), &request)?;
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
    /// See [`ReturnError`]; no connection was made.
    pub async fn finish(&self, flow: Flow, answer: ProviderAnswer) -> Result<Arrival, ReturnError> {
        let open = self.load_session(flow.session_id, flow.session_secret).await?.ok_or(ReturnError::UnknownState)?;
        let digest = sha256(answer.cookie.unwrap_or_default().as_bytes());
        if !bool::from(digest.ct_eq(&flow.cookie_digest)) {
            return Err(ReturnError::WrongBrowser);
        }
        if self.providers.issuer(&flow.provider).is_some_and(|issuer| answer.iss != Some(issuer)) {
            return Err(ReturnError::UnknownState);
        }
        if open.session.state.is_used() {
            return Err(ReturnError::Used(Box::new(open)));
        }
        if self.now() >= flow.expires_at {
            self.fail_once(&open, Some(flow.id), &"session_expired").await?;
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
        let outcome = match self.redeem(&open, &flow.provider, answer.code.map(exchange)).await {
            Ok(grant) => self.complete(&open, &flow, grant).await?,
            Err(unused) => Err(unused),
        };
        let outcome = match outcome {
            Ok(connected) => Ok(connected),
            Err(unused) => Err(self.fail(&open, &flow, unused).await?),
        };
        self.outbox.notify_one();
        Ok(Arrival { open, provider: flow.provider, outcome })
    }

    async fn redeem(
        &self,
        open: &OpenSession,
        provider: &Provider,
        exchange: Result<CodeExchange, String>,
    ) -> Result<Grant, Unused> {
        let exchange = exchange.map_err(|code| Unused::from(ConnectFailure::from_oauth(&code)))?;
        match self.exchange_at(&open.developer.dev_id, provider, &exchange).await {
            Ok(grant) => Unused::unless_usable(grant),
            Err(error) => {
                tracing::warn!(%provider, error = %Causes(&error), "a login could not be finished at {provider}");
                Err(error.into())
            }
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

/// Whether a new user is one too many. Where there is a limit, no other unit adds a user until this one ends.
pub(crate) async fn has_no_room(tx: &mut dyn Tx, developer: &Developer) -> Result<bool, StoreError> {
    if developer.user_limit.is_some() {
        tx.lock(Lock::Room(&developer.dev_id)).await?;
    }
    is_full(tx, developer).await
}

/// The same without a lock, as a first guess.
async fn is_full(tx: &mut dyn Tx, developer: &Developer) -> Result<bool, StoreError> {
    match developer.user_limit {
        Some(limit) => Ok(tx.count_connections(&developer.dev_id).await? >= u64::from(limit)),
        None => Ok(false),
    }
}
