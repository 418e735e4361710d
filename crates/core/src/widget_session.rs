//! Widget sessions: one end user's path from the app to a provider and back.

mod migration;
mod offer;

use async_trait::async_trait;
use jiff::SignedDuration;
use terra_auth_model::{
    developer::Developer,
    digest::sha256,
    provider::{Connects, ProviderInfo},
    store::{Tx, Unit},
    store_error::StoreError,
    widget_session::{SessionRequest, SessionState, WidgetSession},
};
use terra_auth_types::{
    Provider, ReferenceId, SessionId, UserId, redirect,
    wire::{self, SESSION_TTL_S},
};
use url::Url;

pub use self::offer::NotOffered;
use crate::auth::Auth;

/// How long a session can be opened.
pub const SESSION_TTL: SignedDuration = SignedDuration::from_secs(SESSION_TTL_S as i64);

/// Why no session was created.
#[derive(Debug, thiserror::Error)]
pub enum GenerateWidgetSessionError {
    /// A field is malformed; the text names the field and the expected format.
    #[error("invalid {field}: {reason}")]
    InvalidField {
        /// The field's name in the API.
        field: &'static str,
        /// The expected format.
        reason: String,
    },
    /// Some of `connected_uids` are not connections of this environment.
    #[error("connected_uids has ids that are not connections of this environment")]
    InvalidUserIds(Vec<String>),
    /// None of the requested providers can be offered.
    #[error("no provider can be offered: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoProvider(Vec<NotOffered>),
    /// The provider of a login link does not exist here.
    #[error("provider {0} not found; GET /v2/integrations lists those available")]
    UnknownProvider(String),
    /// A login link was requested for an on-device source.
    #[error("{0} connects on the device: mint a token with POST /v2/auth/generateAuthToken for the mobile SDK")]
    OnDevice(Provider),
    /// The store failed.
    #[error("could not create the session")]
    Store(#[from] StoreError),
}

impl Auth {
    /// Creates a widget session: a URL for one end user's browser, valid for 900 s or until it is used.
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
        self.store().run(AddWidgetSession { session }).await?;
        Ok(answer)
    }

    /// Creates a login link for one provider, and reserves the user id.
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
        let info = info.ok_or_else(|| GenerateWidgetSessionError::UnknownProvider(printable_value(resource)))?;
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
        let user_id = UserId(self.entropy().id());
        let (session, auth_url) = self.new_session(developer, request, Some(user_id));
        self.store().run(AddWidgetSession { session }).await?;
        Ok(wire::AuthenticateUser { status: wire::Status::Success, user_id, auth_url })
    }

    fn new_session(
        &self,
        developer: &Developer,
        request: SessionRequest,
        user_id: Option<UserId>,
    ) -> (WidgetSession, Url) {
        let now = self.now();
        let session_id = SessionId(self.entropy().id_at(now));
        let secret = self.entropy().bytes::<16>();
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

    /// Finds a provider that the environment offers. The name is not case-sensitive.
    pub(crate) fn offered(&self, developer: &Developer, name: &str) -> Option<ProviderInfo> {
        let named = |info: &&ProviderInfo| info.provider.as_str().eq_ignore_ascii_case(name);
        self.providers().list().iter().find(named).filter(|info| self.offers_provider(developer, info)).cloned()
    }
}

/// Shortens a caller's text for an error message.
fn printable_value(text: &str) -> String {
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
        text.parse().map_or_else(|_| bad.push(printable_value(text)), |id| ids.push(id));
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
    type Error = GenerateWidgetSessionError;

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
