//! A widget session: one end user's way from the app to a provider and back.

mod migration;
mod offer;

pub use self::offer::NotOffered;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use terra_auth_types::{DevId, Provider, ReferenceId, SessionId, UserId, wire, wire::SESSION_TTL_S};
use url::Url;

use crate::{
    auth::Auth,
    developer::Developer,
    digest::sha256,
    provider::{Connects, ProviderInfo},
    redirect,
    store::{StoreError, Tx, Unit},
};

/// How long a session may be opened.
pub const SESSION_TTL: SignedDuration = SignedDuration::from_secs(SESSION_TTL_S as i64);

/// A session, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WidgetSession {
    /// Names it.
    pub session_id: SessionId,
    /// The environment it belongs to.
    pub dev_id: DevId,
    /// SHA-256 of the secret that its URL carries.
    pub secret_digest: [u8; 32],
    /// How far the end user has come.
    pub state: SessionState,
    /// What the app asked for.
    pub request: SessionRequest,
    /// The user that a login link promised, until a login takes it; a widget session promises none.
    pub user_id: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be opened.
    pub expires_at: Timestamp,
    /// How many logins came back to it, successful or not.
    pub logins: u32,
}

/// How far an end user has come. An expired session keeps its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// No login came back yet.
    Open,
    /// Came back with an error; may try again until the session expires.
    Failed,
    /// Came back connected: used.
    Connected,
    /// Gave up in the widget: used.
    Cancelled,
}

impl SessionState {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Failed => "failed",
            Self::Connected => "connected",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Failed, Self::Connected, Self::Cancelled].into_iter().find(|state| state.as_str() == name)
    }

    /// Whether the session has done what it was made for.
    #[must_use]
    pub const fn is_used(self) -> bool {
        matches!(self, Self::Connected | Self::Cancelled)
    }
}

/// What the app asked for, checked. Kept as JSON in one column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRequest {
    /// The providers to offer, in this order.
    pub providers: Vec<Provider>,
    /// Language of the pages.
    pub language: Option<String>,
    /// The app's own name for the end user.
    pub reference_id: Option<ReferenceId>,
    /// Where to go when it worked.
    pub success_url: Option<Url>,
    /// Where to go when it did not.
    pub failure_url: Option<Url>,
    /// Link to the app that connects Apple Health.
    pub apple_app_url: Option<Url>,
    /// Link to the app that connects Samsung Health.
    pub samsung_app_url: Option<Url>,
    /// Users that the app knows to be connected.
    pub connected_users: Vec<UserId>,
    /// Whether connections may be ended here.
    pub show_disconnect: bool,
    /// Whether the session stays open after a connection.
    pub multi_auth: bool,
    /// Whether to skip the result page (`true`) or to stay there (`false`); by default it is skipped when there is
    /// somewhere to go.
    pub bypass_feedback: Option<bool>,
}

impl WidgetSession {
    /// The user that a login link promised, as the wire shows it before the login.
    #[must_use]
    pub fn awaited_user(&self) -> Option<wire::TerraUser> {
        Some(wire::TerraUser {
            user_id: self.user_id?,
            provider: self.request.providers.first()?.clone(),
            created_at: Some(self.created_at),
            last_webhook_update: None,
            scopes: None,
            reference_id: self.request.reference_id.as_ref().map(ToString::to_string),
            active: Some(false),
        })
    }
}

/// The verbs for sessions.
#[async_trait]
pub trait WidgetSessions: Send {
    /// Adds a session.
    async fn add_widget_session(&mut self, session: &WidgetSession) -> Result<(), StoreError>;

    /// One session.
    async fn widget_session(&mut self, session_id: SessionId) -> Result<Option<WidgetSession>, StoreError>;

    /// Moves a session to a state, unless it is used already; answers whether it moved.
    async fn move_widget_session(&mut self, session_id: SessionId, to: SessionState) -> Result<bool, StoreError>;

    /// Counts a login that came back, unless the session is used or has had `most` already; answers whether it was counted.
    async fn count_login(&mut self, session_id: SessionId, most: u32) -> Result<bool, StoreError>;

    /// Takes the user that a session promised; answers whether it was still there. Of any number of callers one is told yes.
    async fn take_promised_user(&mut self, session_id: SessionId) -> Result<bool, StoreError>;

    /// The session that promised a user and is neither used nor expired.
    async fn session_of_user(
        &mut self,
        dev_id: &DevId,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Option<WidgetSession>, StoreError>;
}

/// Why no session was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateWidgetSessionError {
    /// A field is malformed; the text says which and what fits.
    #[error("invalid {field}: {reason}")]
    InvalidField {
        /// The field's name on the wire.
        field: &'static str,
        /// What fits.
        reason: String,
    },
    /// Some of `connected_uids` are not connections of this environment.
    #[error("connected_uids has ids that are not connections of this environment")]
    InvalidUserIds(Vec<String>),
    /// None of the providers that were asked for can be offered.
    #[error("no provider can be offered: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoProvider(Vec<NotOffered>),
    /// A login link was asked for a provider that does not exist here.
    #[error("provider {0} not found; GET /v2/integrations lists those available")]
    UnknownProvider(String),
    /// A login link was asked for an on-device source.
    #[error("{0} connects on the device: mint a token with POST /v2/auth/generateAuthToken for the mobile SDK")]
    OnDevice(Provider),
    /// The store failed.
    #[error("could not create the session")]
    Store(#[from] StoreError),
}

impl Auth {
    /// Makes a widget session: a URL for one end user's browser, valid 900 s, until used or expired.
    ///
    /// # Errors
    ///
    /// See [`GenerateWidgetSessionError`].
    pub async fn generate_widget_session(
        &self,
        developer: &Developer,
        params: &wire::WidgetSessionParams,
    ) -> Result<wire::WidgetSession, GenerateWidgetSessionError> {
        let (request, warnings) = self.check_session_request(developer, params)?;
        let (session, url) = self.new_session(developer, request, None);
        let answer = wire::WidgetSession {
            session_id: session.session_id,
            url,
            status: wire::Status::Success,
            expires_in: SESSION_TTL_S,
            expires_at: Some(session.expires_at),
            warnings,
        };
        self.store.run(AddWidgetSession { session }).await?;
        Ok(answer)
    }

    /// Makes a login link of one provider, and the id that its user will have.
    ///
    /// # Errors
    ///
    /// See [`GenerateWidgetSessionError`].
    pub async fn authenticate_user(
        &self,
        developer: &Developer,
        params: &wire::AuthenticateUserParams,
    ) -> Result<wire::AuthenticateUser, GenerateWidgetSessionError> {
        let resource = params.resource.as_deref().filter(|resource| !resource.is_empty());
        let resource = resource.ok_or_else(|| invalid("resource", "name a provider, such as FITBIT"))?;
        let info = self.offered(developer, resource);
        let info = info.ok_or_else(|| GenerateWidgetSessionError::UnknownProvider(shown(resource)))?;
        if info.connects == Connects::OnDevice {
            return Err(GenerateWidgetSessionError::OnDevice(info.provider.clone()));
        }
        let (request, _) = self.check_session_request(
            developer,
            &wire::WidgetSessionParams {
                providers: Some(info.provider.to_string().into()),
                language: params.language.clone(),
                reference_id: params.reference_id.clone(),
                auth_success_redirect_url: params.auth_success_redirect_url.clone(),
                auth_failure_redirect_url: params.auth_failure_redirect_url.clone(),
                ..Default::default()
            },
        )?;
        let user_id = UserId(self.entropy.id());
        let (session, auth_url) = self.new_session(developer, request, Some(user_id));
        self.store.run(AddWidgetSession { session }).await?;
        Ok(wire::AuthenticateUser { status: wire::Status::Success, user_id, auth_url })
    }

    fn new_session(
        &self,
        developer: &Developer,
        request: SessionRequest,
        user_id: Option<UserId>,
    ) -> (WidgetSession, Url) {
        let now = self.now();
        let session_id = SessionId(self.entropy.id_at(now));
        let secret = self.entropy.bytes::<16>();
        let url = self.widget_page(&["session", &session_id.to_string(), &hex::encode(secret)]);
        let session = WidgetSession {
            session_id,
            dev_id: developer.dev_id.clone(),
            secret_digest: sha256(&secret),
            state: SessionState::Open,
            request,
            user_id,
            created_at: now,
            expires_at: now + SESSION_TTL,
            logins: 0,
        };
        (session, url)
    }

    fn check_session_request(
        &self,
        developer: &Developer,
        params: &wire::WidgetSessionParams,
    ) -> Result<(SessionRequest, Vec<String>), GenerateWidgetSessionError> {
        let multi_auth_by_url = params.auth_success_redirect_url.as_deref() == Some("multi-auth");
        let success_url = params.auth_success_redirect_url.as_deref().filter(|_| !multi_auth_by_url);
        let target = |field, text: Option<&str>| {
            let text = text.filter(|text| !text.is_empty());
            let checked = text.map(|text| redirect::check(&developer.redirect_allow_list, text)).transpose();
            checked.map_err(|error| invalid(field, &error.to_string()))
        };
        let apple_app_url = target("apple_app_url", params.apple_app_url.as_deref())?;
        let samsung_app_url = target("samsung_app_url", params.samsung_app_url.as_deref())?;
        let apple = params.use_terra_avengers_app.unwrap_or_default();
        let on_device = |name: &str| (name == "APPLE" && apple) || (name == "SAMSUNG" && samsung_app_url.is_some());
        let (providers, warnings) = self.choose_providers(developer, params.providers.as_ref(), on_device)?;
        let request = SessionRequest {
            providers,
            language: params.language.clone().filter(|language| language.len() <= 35),
            reference_id: reference_id(params.reference_id.as_deref())?,
            success_url: target("auth_success_redirect_url", success_url)?,
            failure_url: target("auth_failure_redirect_url", params.auth_failure_redirect_url.as_deref())?,
            apple_app_url,
            samsung_app_url,
            connected_users: user_ids(params.connected_uids.as_deref().unwrap_or_default())?,
            show_disconnect: params.show_disconnect.unwrap_or_default(),
            multi_auth: params.multi_auth.unwrap_or(multi_auth_by_url),
            bypass_feedback: params.bypass_feedback,
        };
        Ok((request, warnings))
    }

    /// A provider that the environment offers, by its name in any case.
    pub(crate) fn offered(&self, developer: &Developer, name: &str) -> Option<ProviderInfo> {
        let named = |info: &&ProviderInfo| info.provider.as_str().eq_ignore_ascii_case(name);
        self.providers.list().iter().find(named).filter(|info| self.offers_provider(developer, info)).cloned()
    }
}

/// What a caller sent, short enough to be said back.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

fn invalid(field: &'static str, reason: &str) -> GenerateWidgetSessionError {
    GenerateWidgetSessionError::InvalidField { field, reason: reason.to_owned() }
}

fn reference_id(text: Option<&str>) -> Result<Option<ReferenceId>, GenerateWidgetSessionError> {
    let text = text.filter(|text| !text.is_empty());
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| invalid("reference_id", "1 to 512 bytes of text without control characters"))
}

fn user_ids(texts: &[String]) -> Result<Vec<UserId>, GenerateWidgetSessionError> {
    if texts.len() > MAX_CONNECTED_USERS {
        return Err(invalid("connected_uids", "at most 100 ids"));
    }
    let (mut ids, mut bad) = (Vec::new(), Vec::new());
    for text in texts {
        text.parse().map_or_else(|_| bad.push(shown(text)), |id| ids.push(id));
    }
    if bad.is_empty() { Ok(ids) } else { Err(GenerateWidgetSessionError::InvalidUserIds(bad)) }
}

const MAX_CONNECTED_USERS: usize = 100;

struct AddWidgetSession {
    session: WidgetSession,
}

#[async_trait]
impl Unit for AddWidgetSession {
    type Done = ();
    type Refusal = GenerateWidgetSessionError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), GenerateWidgetSessionError> {
        let mut unknown = Vec::new();
        for user_id in &self.session.request.connected_users {
            if tx.connection(&self.session.dev_id, *user_id).await?.is_none() {
                unknown.push(user_id.to_string());
            }
        }
        if !unknown.is_empty() {
            return Err(GenerateWidgetSessionError::InvalidUserIds(unknown));
        }
        Ok(tx.add_widget_session(&self.session).await?)
    }
}
