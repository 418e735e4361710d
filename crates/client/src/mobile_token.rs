use jiff::Timestamp;
use serde::Serialize;
use terra_auth_types::{self as types, ReferenceId, wire};
use url::Url;

use crate::{Client, Error, client::deadline, transport::Call};

impl Client {
    /// Creates a token with which the mobile SDK creates one connection. Create it when the app requests it,
    /// not before.
    ///
    /// With a reference id, the connection belongs to that end user, whatever the app sends. Without one, the
    /// app chooses the end user. The call has a newer and an older name; the older one is tried if the server
    /// does not know the newer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] also for an unknown dev-id, on some servers.
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
        let wire::AuthToken { token, expires_in, .. } =
            self.inner.transport.read_first_supported(known, urls, call).await?;
        Ok(MobileToken { token, expires_in, expires_at: deadline(asked_at, expires_in) })
    }
}

/// A mobile token, for the app of the logged-in end user.
#[derive(Clone, Debug, Serialize)]
pub struct MobileToken {
    /// The token. It creates one connection.
    pub token: types::MobileToken,
    /// Seconds until it expires.
    pub expires_in: u32,
    /// When it expires.
    pub expires_at: Timestamp,
}
