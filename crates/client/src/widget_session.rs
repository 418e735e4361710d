use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use terra_auth_types::{Provider, ReferenceId, SessionId, UserId, wire};
use url::Url;

use crate::{Client, Error, client::deadline, redirect, transport::Call};

impl Client {
    /// Creates a widget session: a page where the end user chooses a provider and logs in.
    ///
    /// The published sources name three paths for this call in addition to the older one. The client tries them
    /// in turn while the server responds with 404, 405 or 410. Later calls start with the path that worked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRedirect`] before anything is sent; [`Error::UserLimit`] if the environment has reached
    /// its user limit; [`Error::InvalidInput`] names the unknown ids of `connected_uids`.
    ///
    /// Source: "Widget sessions" in `docs/compatibility.md`.
    pub async fn generate_widget_session(&self, request: &WidgetSessionRequest) -> Result<WidgetSession, Error> {
        request.check()?;
        let asked_at = self.now();
        let call = |url: &Url| Call::post(url.clone()).json(&request.params);
        let (urls, known) = (self.widget_urls(), &self.inner.widget_path);
        let session: wire::WidgetSession = self.inner.transport.read_first_supported(known, &urls, call).await?;
        // The response's `expires_at` uses the server's clock, which may differ from this one; `expires_in` does not.
        let wire::WidgetSession { session_id, url, expires_in, warnings, .. } = session;
        Ok(WidgetSession { session_id, url, expires_at: deadline(asked_at, expires_in), warnings })
    }

    /// Returns the possible URLs of the call. The older call is the last one.
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
    /// The id of the session; the `auth` event repeats it.
    pub session_id: SessionId,
    /// URL to open in the end user's browser. It is a secret, because anyone who has it can connect in their name.
    pub url: Url,
    /// When the URL expires, unless it is used before.
    pub expires_at: Timestamp,
    /// Requested providers that are unknown or not enabled.
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

/// Parameters of a new widget session. All are optional; without a reference id, the connection has no end user.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WidgetSessionRequest {
    params: wire::WidgetSessionParams,
}

impl WidgetSessionRequest {
    /// Creates a request with the environment's own settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the app's own id for the end user.
    pub fn reference_id(mut self, reference_id: &ReferenceId) -> Self {
        self.params.reference_id = Some(reference_id.to_string());
        self
    }

    /// Shows only these providers. A single provider skips the list.
    pub fn providers(mut self, providers: impl IntoIterator<Item = Provider>) -> Self {
        let names: Vec<String> = providers.into_iter().map(|provider| provider.to_string()).collect();
        self.params.providers = (!names.is_empty()).then(|| names.join(",").into());
        self
    }

    /// Sets the language of the pages, such as `en`, `fr`, `zh_cn`.
    pub fn language(mut self, language: impl Into<String>) -> Self {
        self.params.language = Some(language.into());
        self
    }

    /// Sets the redirect URL after a success: HTTPS, loopback, or an app's deep link.
    pub fn auth_success_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_success_redirect_url = Some(url.into());
        self
    }

    /// Sets the redirect URL after a failure. The same URLs are allowed.
    pub fn auth_failure_redirect_url(mut self, url: impl Into<String>) -> Self {
        self.params.auth_failure_redirect_url = Some(url.into());
        self
    }

    /// Lists Apple Health, connected through the app at this link. The same URLs are allowed.
    pub fn apple_app_url(mut self, url: impl Into<String>) -> Self {
        self.params.use_terra_avengers_app = Some(true);
        self.params.apple_app_url = Some(url.into());
        self
    }

    /// Lists Samsung Health, connected through the app at this link. The same URLs are allowed.
    pub fn samsung_app_url(mut self, url: impl Into<String>) -> Self {
        self.params.samsung_app_url = Some(url.into());
        self
    }

    /// Sets the users that the widget shows as connected.
    pub fn connected_uids(mut self, users: impl IntoIterator<Item = UserId>) -> Self {
        self.params.connected_uids = Some(users.into_iter().map(|user| user.to_string()).collect());
        self
    }

    /// Sets whether the widget shows a disconnect button for each connection of the reference id.
    pub fn show_disconnect(mut self, show: bool) -> Self {
        self.params.show_disconnect = Some(show);
        self
    }

    /// Sets whether one session can create several connections.
    pub fn multi_auth(mut self, several: bool) -> Self {
        self.params.multi_auth = Some(several);
        self
    }

    /// `true` skips the result page; `false` leaves the end user on it.
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
