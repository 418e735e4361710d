//! The redirect to the app.

use axum::response::Redirect;
use url::Url;

/// The target of the authorization response. Its redirect URI is a registered one.
#[derive(Clone, Debug)]
pub(crate) struct RedirectTarget {
    pub(crate) redirect_uri: Url,
    pub(crate) state: Option<String>,
    pub(crate) issuer: String,
}

impl RedirectTarget {
    /// Redirects the browser with these parameters, `state` and `iss` (RFC 6749, section 4.1.2; RFC 9207).
    /// An existing query of the redirect URI stays in front.
    pub(crate) fn send(&self, answer: &[(&str, &str)]) -> Redirect {
        let mut url = self.redirect_uri.clone();
        url.query_pairs_mut()
            .extend_pairs(answer)
            .extend_pairs(self.state.iter().map(|state| ("state", state)))
            .append_pair("iss", &self.issuer);
        Redirect::to(url.as_str())
    }
}
