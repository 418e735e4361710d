//! A widget session whose secret was verified.

use std::sync::Arc;

use jiff::Timestamp;
use terra_auth_model::{
    developer::Developer, login::ConnectFailure, provider::ProviderInfo, widget_session::WidgetSession,
};
use terra_auth_types::{Provider, UserId, redirect};
use url::Url;

/// A session whose secret was verified, and its environment.
#[derive(Clone)]
pub struct OpenSession {
    /// The session.
    pub session: WidgetSession,
    /// The environment of the session.
    pub developer: Arc<Developer>,
    pub(crate) secret: [u8; 16],
}

/// Whether a session can still be used, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionValidity {
    /// The session can be used.
    Open,
    /// The session has expired (after 900 s for a widget session).
    Expired,
    /// The session has served its purpose.
    Used,
}

impl std::fmt::Debug for OpenSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenSession({})", self.session.session_id)
    }
}

impl OpenSession {
    /// The path of the session's page below the widget's URL, `/session/{id}/{secret}`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/session/{}/{}", self.session.session_id, hex::encode(self.secret))
    }

    /// Returns whether the session can still be used.
    #[must_use]
    pub fn validity(&self, now: Timestamp) -> SessionValidity {
        if self.session.state.is_used() {
            SessionValidity::Used
        } else if now >= self.session.expires_at {
            SessionValidity::Expired
        } else {
            SessionValidity::Open
        }
    }

    /// The redirect target after a failure.
    #[must_use]
    pub fn return_target(&self, provider: Option<&Provider>, reason: &str) -> ReturnTarget {
        let request = &self.session.request;
        let url = request.failure_url.as_ref();
        let url = url.map(|url| redirect::with_failure(url, request.reference_id.as_ref(), provider, reason));
        ReturnTarget { immediate: request.bypass_feedback != Some(false) && url.is_some(), url }
    }

    /// The redirect target after a failed login; its `missing_scopes` parameter lists the missing scopes, if
    /// they are the reason.
    #[must_use]
    pub fn return_target_of_failure(&self, provider: &Provider, failure: &ConnectFailure) -> ReturnTarget {
        let ReturnTarget { immediate: at_once, mut url } = self.return_target(Some(provider), &failure.to_string());
        if let (Some(url), ConnectFailure::MissingScopes(scopes)) = (&mut url, failure) {
            url.query_pairs_mut().append_pair("missing_scopes", &scopes.join(","));
        }
        ReturnTarget { immediate: at_once, url }
    }
}

/// Where the end user goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTarget {
    /// Whether to redirect at once; otherwise a page with a link is shown.
    pub immediate: bool,
    /// The app's URL, including the parameters.
    pub url: Option<Url>,
}

/// A provider that a session offers.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The provider.
    pub info: ProviderInfo,
    /// The end user's connection at this provider.
    pub connected: Option<UserId>,
    /// Whether that connection is newer than the session.
    pub is_new: bool,
}
