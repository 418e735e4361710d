use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use terra_auth_types::{Provider, ReferenceId, SessionId, UserId, wire};
use url::Url;

use crate::{Client, Error, client::deadline, redirect, transport::Call};

impl Client {
    /// Opens a widget session: a page where the end user picks a provider and logs in.
    ///
    /// The published sources name three paths for this call beside the older one; each is tried in turn while the server
    /// answers 404, 405 or 410, and the one that answered comes first from then on.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRedirect`] before anything is sent; [`Error::UserLimit`] if the environment is full;
    /// [`Error::InvalidInput`] names the unknown ones of `connected_uids`.
    ///
    /// Source: "Widget sessions" in `docs/compatibility.md`.
    pub async fn generate_widget_session(&self, request: &WidgetSessionRequest) -> Result<WidgetSession, Error> {
        request.check()?;
        let asked_at = self.now();
        let call = |url: &Url| Call::post(url.clone()).json(&request.params);
        let (urls, known) = (self.widget_urls(), &self.inner.widget_path);
        let session: wire::WidgetSession = self.inner.transport.read_first(known, &urls, call).await?;
        // The answer's `expires_at` is by the server's clock, which may differ from this machine's; `expires_in` does not.
        let wire::WidgetSession { session_id, url, expires_in, warnings, .. } = session;
        Ok(WidgetSession { session_id, url, expires_at: deadline(asked_at, expires_in), warnings })
    }

    /// Where the call may be; the older one comes last.
    pub(crate) fn widget_urls(&self) -> [Url; 4] {
        let endpoints = &self.inner.endpoints;
        [
            endpoints.widget("api/widget/session"),
            endpoints.widget("widget/session"),
            endpoints.widget("widget/api/session"),
            endpoints.api("auth/generateWidgetSession"),
        ]
    }
}

/// A widget session, ready for the end user's browser.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct WidgetSession {
    /// Names the session; the auth event carries it back.
    pub session_id: SessionId,
    /// Where to send the end user. Whoever has it can connect in that end user's name.
    pub url: Url,
    /// The URL works until then, or until it is used.
    pub expires_at: Timestamp,
    /// Providers that were asked for and are unknown or not enabled.
    pub warnings: Vec<String>,
}

impl fmt::Debug for WidgetSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, expires_at, warnings, .. } = self;
        let mut fields = f.debug_struct("WidgetSession");
        fields.field("session_id", session_id).field("expires_at", expires_at).field("warnings", warnings);
        fields.finish_non_exhaustive()
    }
}

/// What a widget session is made of. Everything is optional; without a reference id the connection belongs to nobody.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WidgetSessionRequest {
    params: wire::WidgetSessionParams,
}

impl WidgetSessionRequest {
    /// A session with the environment's own settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// The app's own name for the end user.
    pub fn reference_id(mut self, reference_id: &ReferenceId) -> Self {
        self.params.reference_id = Some(reference_id.to_string());
        self
    }

    /// Shows only these; one alone skips the list.
    pub fn providers(mut self, providers: impl IntoIterator<Item = Provider>) -> Self {
        let names: Vec<String> = providers.into_iter().map(|provider| provider.to_string()).collect();
        self.params.providers = (!names.is_empty()).then(|| names.join(",").into());
        self
    }

    /// Language of the pages, such as `en`, `fr`, `zh_cn`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.params.language = Some(language.into());
        self
    }

    /// Where the end user goes afterwards: HTTPS, loopback, or an app's deep link.
    pub fn auth_success_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_success_redirect_url = Some(url.into());
        self
    }

    /// Where the end user goes when it did not work; the same rule.
    pub fn auth_failure_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_failure_redirect_url = Some(url.into());
        self
    }

    /// Lists Apple Health, connected through the app behind this link; the same rule.
    pub fn apple_app_url(mut self, url: impl Into<String>) -> Self {
        self.params.use_terra_avengers_app = Some(true);
        self.params.apple_app_url = Some(url.into());
        self
    }

    /// Lists Samsung Health, connected through the app behind this link; the same rule.
    pub fn samsung_app_url(mut self, url: impl Into<String>) -> Self {
        self.params.samsung_app_url = Some(url.into());
        self
    }

    /// Users already connected, shown as such.
    pub fn connected_uids(mut self, users: impl IntoIterator<Item = UserId>) -> Self {
        self.params.connected_uids = Some(users.into_iter().map(|user| user.to_string()).collect());
        self
    }

    /// Shows a disconnect button beside each connection of the reference id.
    pub fn show_disconnect(mut self, show: bool) -> Self {
        self.params.show_disconnect = Some(show);
        self
    }

    /// Lets one session make several connections.
    pub fn multi_auth(mut self, several: bool) -> Self {
        self.params.multi_auth = Some(several);
        self
    }

    /// `true` skips the result page, `false` keeps the end user there.
    pub fn bypass_feedback(mut self, bypass: bool) -> Self {
        self.params.bypass_feedback = Some(bypass);
        self
    }

    fn check(&self) -> Result<(), redirect::InvalidRedirect> {
        let wire::WidgetSessionParams { auth_success_redirect_url, auth_failure_redirect_url, .. } = &self.params;
        redirect::check("auth_success_redirect_url", auth_success_redirect_url.as_deref())?;
        redirect::check("auth_failure_redirect_url", auth_failure_redirect_url.as_deref())?;
        redirect::check("apple_app_url", self.params.apple_app_url.as_deref())?;
        redirect::check("samsung_app_url", self.params.samsung_app_url.as_deref())
    }
}
