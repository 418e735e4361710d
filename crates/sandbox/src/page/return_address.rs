//! The way back to the app.

use axum::response::Redirect;
use url::Url;

/// Where the browser takes the answer to an authorization request. The address was compared with the registered ones.
#[derive(Clone, Debug)]
pub(crate) struct ReturnAddress {
    pub(crate) redirect_uri: Url,
    pub(crate) state: Option<String>,
    pub(crate) issuer: String,
}

impl ReturnAddress {
    /// Sends the browser back with these parameters, `state` and `iss` (RFC 6749, section 4.1.2; RFC 9207).
    /// A query that the address already has stays in front.
    pub(crate) fn send(&self, answer: &[(&str, &str)]) -> Redirect {
        let mut url = self.redirect_uri.clone();
        url.query_pairs_mut()
            .extend_pairs(answer)
            .extend_pairs(self.state.iter().map(|state| ("state", state)))
            .append_pair("iss", &self.issuer);
        Redirect::to(url.as_str())
    }
}
