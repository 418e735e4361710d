//! The results of a login, and why it can fail.

use secrecy::SecretString;
use terra_auth_model::{login::ConnectFailure, store_error::StoreError};
use terra_auth_types::{Provider, UserId};

use crate::login::open_session::{OpenSession, ReturnTarget};

/// How many logins of one session may return. Each can cost a call with the provider's app, and an event to the app.
pub(super) const MAX_LOGINS_PER_SESSION: u32 = 20;

/// The parameters of a provider's redirect, and the browser's cookie.
#[derive(Debug)]
pub struct AuthorizationResponse {
    /// The authorization code, or the OAuth error code.
    pub code: Result<SecretString, String>,
    /// The issuer (`iss`, RFC 9207).
    pub iss: Option<String>,
    /// The granted scopes, if the provider names them in the redirect.
    pub scope: Option<String>,
    /// The cookie that binds the login to a browser.
    pub cookie: Option<String>,
}

/// Why a login that returned was not finished.
#[derive(Debug, thiserror::Error)]
pub enum FinishLoginError {
    /// The `state` was not created by this server for this provider, its session is gone, or the issuer is wrong.
    #[error("the login's `state` is not valid; start again in the app")]
    UnknownState,
    /// The login began in another browser.
    #[error("the login began in another browser; finish it there, or start again in the app")]
    WrongBrowser,
    /// The login took longer than 15 minutes.
    #[error("the login took longer than 15 minutes; start again in the app")]
    Expired(Box<OpenSession>),
    /// The session was used in the meantime.
    #[error("this session was already used")]
    Used(Box<OpenSession>),
    /// The session has had the maximum number of logins.
    #[error("this session has had {MAX_LOGINS_PER_SESSION} logins, the maximum; start again in the app")]
    TooManyLogins(Box<OpenSession>),
    /// The login returned before, and was not finished.
    #[error("the login was not finished; try again")]
    Unfinished(Box<OpenSession>),
    /// The store failed.
    #[error("could not finish the login")]
    Store(#[from] StoreError),
}

/// The result of a login that returned from the provider.
#[derive(Debug)]
pub struct LoginResult {
    /// The session.
    pub open: OpenSession,
    /// The provider.
    pub provider: Provider,
    /// The new connection, or why there is none.
    pub outcome: Result<Connected, ConnectFailure>,
}

/// A connection that a login created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The id of the connection.
    pub user_id: UserId,
    /// The scopes that were requested and not granted.
    pub declined_scopes: Vec<String>,
    /// Where the end user goes next.
    pub return_target: ReturnTarget,
}
