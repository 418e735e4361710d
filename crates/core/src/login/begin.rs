//! Begins a login: step 1 of [the protocol](crate::login).

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use secrecy::SecretString;
use terra_auth_model::{
    connection::MAX_CONNECTIONS_OF_END_USER,
    developer::Developer,
    digest::sha256,
    lock::Lock,
    login::ConnectFailure,
    provider::{AuthorizationRequest, Connects, ProviderError},
    store::{Tx, Unit},
    store_error::StoreError,
    widget_session::WidgetSession,
};
use terra_auth_types::Provider;
use url::Url;

pub(crate) use crate::node::returning_logins::ReturningLogins;
use crate::{
    auth::Auth,
    login::{open_session::OpenSession, reason::MAX_LOGINS_PER_SESSION, state::LoginState},
    widget_session::SESSION_TTL,
};

/// Why a login cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginLoginError {
    /// The session does not offer the provider.
    #[error("this session does not offer that provider")]
    NotOffered,
    /// The environment's user limit is reached.
    #[error("this environment's user limit is reached; disconnect a user, or use another environment")]
    UserLimit,
    /// The session was used in the meantime.
    #[error("this session was already used")]
    Used,
    /// The session has had the maximum number of logins.
    #[error("this session has had {MAX_LOGINS_PER_SESSION} logins, the maximum; start again in the app")]
    TooManyLogins,
    /// The provider's app or recipe does not allow a login.
    #[error("could not begin the login")]
    Provider(#[from] ProviderError),
    /// The store failed.
    #[error("could not begin the login")]
    Store(#[from] StoreError),
}

/// The redirect that begins a login, and the cookie for it.
#[derive(Clone, Debug)]
pub struct AuthorizationRedirect {
    /// The URL of the provider's login page.
    pub url: Url,
    /// The name of the cookie that binds the login to this browser.
    pub cookie_name: String,
    /// The value of the cookie, a secret.
    pub cookie_value: SecretString,
}

impl Auth {
    /// Like [`Auth::begin_login`], and notifies the app, once for each session, if the user limit or the provider
    /// prevents the login.
    ///
    /// # Errors
    ///
    /// See [`BeginLoginError`].
    pub async fn begin_followed_login(
        &self,
        open: &OpenSession,
        name: &str,
    ) -> Result<AuthorizationRedirect, BeginLoginError> {
        let outcome = self.begin_login(open, name).await;
        match &outcome {
            Err(BeginLoginError::UserLimit) => self.fail_once(open, &ConnectFailure::UserLimit).await?,
            Err(BeginLoginError::Provider(error)) => self.fail_once(open, &ConnectFailure::from(error)).await?,
            Ok(_)
            | Err(
                BeginLoginError::NotOffered
                | BeginLoginError::Used
                | BeginLoginError::TooManyLogins
                | BeginLoginError::Store(_),
            ) => {}
        }
        outcome
    }

    /// Begins a login at a provider. Nothing is stored until the end user returns, so a link can be opened any number
    /// of times.
    ///
    /// # Errors
    ///
    /// See [`BeginLoginError`].
    pub async fn begin_login(&self, open: &OpenSession, name: &str) -> Result<AuthorizationRedirect, BeginLoginError> {
        let info = self.offered(&open.developer, name).filter(|info| info.connects == Connects::ByLogin);
        let provider = info.map(|info| info.provider.clone()).ok_or(BeginLoginError::NotOffered)?;
        if !open.session.request.providers.contains(&provider) {
            return Err(BeginLoginError::NotOffered);
        }
        let app = self.app_for_login(&open.developer.dev_id, &provider)?;
        let cookie_value = hex::encode(self.entropy().bytes::<16>());
        let flow = LoginState {
            id: self.entropy().id(),
            provider: provider.clone(),
            session_id: open.session.session_id,
            session_secret: open.secret,
            code_verifier: self.entropy().bytes(),
            cookie_digest: sha256(cookie_value.as_bytes()),
            expires_at: self.now() + SESSION_TTL,
        };
        let request = AuthorizationRequest {
            state: self.seal_login_state(&flow),
            code_challenge: BASE64.encode(digest(&SHA256, BASE64.encode(flow.code_verifier).as_bytes())),
            redirect_uri: self.redirect_uri(&provider),
        };
        let url = self.providers().authorization_url(&provider, app.as_ref(), &request)?;
        self.store().read(CheckLoginAllowed { session: open.session.clone(), provider }).await?;
        Ok(AuthorizationRedirect { url, cookie_name: flow.cookie_name(), cookie_value: cookie_value.into() })
    }

    /// Returns the callback URL for a provider. Exactly this URL must be registered there.
    #[must_use]
    pub fn redirect_uri(&self, provider: &Provider) -> Url {
        self.widget_page(&["auth", &provider.slug(), "oauth2"])
    }
}

/// Checks whether another login may begin. It only reads, because previews and prefetchers open links too.
struct CheckLoginAllowed {
    session: WidgetSession,
    provider: Provider,
}

#[async_trait]
impl Unit for CheckLoginAllowed {
    type Done = ();
    type Error = BeginLoginError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), BeginLoginError> {
        let developer = tx.developer(&self.session.dev_id).await?.ok_or(BeginLoginError::NotOffered)?;
        if is_probably_at_user_limit(tx, &developer).await? && !self.is_connected(tx).await? {
            return Err(BeginLoginError::UserLimit);
        }
        let session = tx.widget_session(self.session.session_id).await?.ok_or(BeginLoginError::Used)?;
        match session {
            session if session.state.is_used() => Err(BeginLoginError::Used),
            session if session.logins >= MAX_LOGINS_PER_SESSION => Err(BeginLoginError::TooManyLogins),
            _ => Ok(()),
        }
    }
}

impl CheckLoginAllowed {
    /// Returns whether the end user has a connection at the provider. A login then adds no user, so the limit does not
    /// apply.
    async fn is_connected(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let Some(reference_id) = &self.session.request.reference_id else { return Ok(false) };
        let connections = tx.connections_of(&self.session.dev_id, reference_id, MAX_CONNECTIONS_OF_END_USER).await?;
        Ok(connections.iter().any(|connection| connection.provider == self.provider))
    }
}

/// Returns whether a new user would exceed the limit. If there is a limit, no other unit adds a user until this one
/// ends.
pub(crate) async fn is_at_user_limit(tx: &mut dyn Tx, developer: &Developer) -> Result<bool, StoreError> {
    if developer.user_limit.is_some() {
        tx.lock(Lock::UserLimit(&developer.dev_id)).await?;
    }
    is_probably_at_user_limit(tx, developer).await
}

/// The same without a lock, so the answer can be outdated.
async fn is_probably_at_user_limit(tx: &mut dyn Tx, developer: &Developer) -> Result<bool, StoreError> {
    match developer.user_limit {
        Some(limit) => Ok(tx.count_connections(&developer.dev_id).await? >= u64::from(limit)),
        None => Ok(false),
    }
}
