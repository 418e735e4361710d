use jiff::Timestamp;
use serde::Serialize;
use terra_auth_types::{self as types, ReferenceId, wire};
use url::Url;

use crate::{Client, Error, client::deadline, transport::Call};

impl Client {
    /// Mints a token with which the mobile SDK opens one connection. Mint it when the app asks, not before.
    ///
    /// With a reference id the connection is that end user's, whatever the app says; without one, the app says whose.
    /// The call has a newer and an older name; the older one is tried where the newer is not known.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] is how some servers answer a dev-id they do not know.
    ///
    /// Source: "Mobile tokens" in `docs/compatibility.md`.
    pub async fn generate_mobile_token(&self, reference_id: Option<&ReferenceId>) -> Result<MobileToken, Error> {
        let call = |url: &Url| {
            let call = Call::post(url.clone());
            match reference_id {
                Some(reference_id) => call.query("reference_id", reference_id.as_str()),
                None => call,
            }
        };
        let asked_at = self.now();
        let (urls, known) = (&self.inner.mobile_token_urls, &self.inner.mobile_token_path);
        let wire::AuthToken { token, expires_in, .. } = self.inner.transport.read_first(known, urls, call).await?;
        Ok(MobileToken { token, expires_in, expires_at: deadline(asked_at, expires_in) })
    }
}

/// What the call is named, the newer name first.
pub(crate) const MOBILE_TOKEN_NAMES: [&str; 2] = ["auth/tokens", "auth/generateAuthToken"];

/// A mobile token, to be handed to the app of the end user who is logged in.
#[derive(Clone, Debug, Serialize)]
pub struct MobileToken {
    /// Opens one connection.
    pub token: types::MobileToken,
    /// Seconds until it expires.
    pub expires_in: u32,
    /// When it expires.
    pub expires_at: Timestamp,
}
