//! The way to a provider and back: the login, and the connection it makes.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use secrecy::SecretString;
use terra_auth_types::{Provider, UserId};
use url::Url;

use crate::{
    auth::Auth,
    developer::Developer,
    digest::sha256,
    flow::Flow,
    lock::Lock,
    open_session::{OpenSession, WayBack},
    provider::{AuthorizationRequest, Connects, ProviderError},
    store::{StoreError, Tx, Unit},
    widget_session::{SESSION_TTL, WidgetSession},
};

mod complete;
mod failure;
mod finish;

pub use failure::ConnectFailure;
pub(crate) use finish::Logins;

/// How many logins of one session may come back: each may cost the provider's app a call, and the app an event.
pub const MAX_LOGINS: u32 = 20;

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
    /// As many logins of the session came back as it may have.
    #[error("this session had {MAX_LOGINS} logins; start again in the app")]
    TooManyLogins,
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
    /// As many logins of the session came back as it may have.
    #[error("this session had {MAX_LOGINS} logins; start again in the app")]
    TooManyLogins(Box<OpenSession>),
    /// The login came back before and was not finished.
    #[error("the login was not finished; try again")]
    Unfinished(Box<OpenSession>),
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
    /// As [`Auth::depart`], and tells the app, once for each session, why the end user cannot log in.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub async fn connect(&self, open: &OpenSession, name: &str) -> Result<Departure, ConnectError> {
        let outcome = self.depart(open, name).await;
        match &outcome {
            Err(ConnectError::UserLimit) => self.fail_once(open, &ConnectFailure::UserLimit).await?,
            Err(ConnectError::Provider(error)) => self.fail_once(open, &ConnectFailure::from(error)).await?,
            Ok(_)
            | Err(
                ConnectError::NotOffered | ConnectError::Used | ConnectError::TooManyLogins | ConnectError::Store(_),
            ) => {}
        }
        outcome
    }

    /// Begins a login at a provider. Nothing is stored until the end user comes back, so a link may be opened any number of
    /// times.
    ///
    /// # Errors
    ///
    /// See [`ConnectError`].
    pub async fn depart(&self, open: &OpenSession, name: &str) -> Result<Departure, ConnectError> {
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
        self.store.read(MayDepart { session: open.session.clone(), provider }).await?;
        Ok(Departure { url, cookie_name: flow.cookie_name(), cookie_value: cookie_value.into() })
    }

    /// Where a provider sends end users back; to be registered there, exactly.
    #[must_use]
    pub fn redirect_uri(&self, provider: &Provider) -> Url {
        self.widget_page(&["auth", &provider.slug(), "oauth2"])
    }
}

/// Whether another login may begin. It reads only: links are opened by previews and prefetchers too.
struct MayDepart {
    session: WidgetSession,
    provider: Provider,
}

#[async_trait]
impl Unit for MayDepart {
    type Done = ();
    type Refusal = ConnectError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), ConnectError> {
        let developer = tx.developer(&self.session.dev_id).await?.ok_or(ConnectError::NotOffered)?;
        if is_full(tx, &developer).await? && !self.is_connected(tx).await? {
            return Err(ConnectError::UserLimit);
        }
        let session = tx.widget_session(self.session.session_id).await?.ok_or(ConnectError::Used)?;
        match session {
            session if session.state.is_used() => Err(ConnectError::Used),
            session if session.logins >= MAX_LOGINS => Err(ConnectError::TooManyLogins),
            _ => Ok(()),
        }
    }
}

impl MayDepart {
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
