//! The admin API of a self-hosted server: keys, environments, admin tokens, the audit log.
//!
//! ```no_run
//! use terra_auth::{admin::AdminClient, wire::admin::RetireKey};
//!
//! # async fn example(token: terra_auth::AdminToken) -> Result<(), Box<dyn std::error::Error>> {
//! let admin = AdminClient::new(&"https://auth.acme.example".parse()?, &token)?;
//! let dev_id = "acme-testing-0000000000".parse()?;
//! for key in admin.list_api_keys(&dev_id).await? {
//!     let issued = admin.rotate_api_key(&dev_id, key.key_id, RetireKey::default()).await?;
//!     println!("{} is replaced by {}; both are valid for a day", key.name, issued.key.key_id);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The wire types are in [`wire::admin`](crate::wire::admin). After a temporary failure, only calls that read are
//! retried. All other limits are those of [`Client`](crate::Client).

mod api_key;
mod audit;
mod connection;
mod delivery;
mod destination;
mod environment;
mod error;
mod migration;
mod provider;
mod revocation;
mod token;
mod vault;

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use terra_auth_types::AdminToken;
use url::Url;

use crate::{
    RawCall, clock,
    endpoints::widget_base,
    hosted::{check, is_hosted},
    transport::{Call, Keys, RetryPolicy, Transport, response::RawCallResponse},
};
pub use api_key::HostedApiKey;
pub use error::AdminError;

/// A client for the admin API of one server. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct AdminClient {
    inner: Arc<Inner>,
}

struct Inner {
    base: Url,
    transport: Transport,
}

impl AdminClient {
    /// Creates a client for the server at `server`. Its path is ignored, so the value can be a `TERRA_API_URL`.
    ///
    /// # Errors
    ///
    /// [`AdminError::InvalidAddress`] if the URL is not safe to send a token to, [`AdminError::InvalidToken`]
    /// if the token cannot be sent in a header, [`AdminError::Call`] if TLS cannot start.
    pub fn new(server: &Url, token: &AdminToken) -> Result<Self, AdminError> {
        check(server, ["https", "http"]).map_err(AdminError::InvalidAddress)?;
        let keys = Keys::of_admin(token).ok_or(AdminError::InvalidToken)?;
        let mut base = widget_base(server);
        base.set_path("/api/v3/admin");
        let transport = Transport::new(keys, [&base, &base], &RetryPolicy::default(), clock::system())?;
        Ok(Self { inner: Arc::new(Inner { base, transport }) })
    }

    /// Sends a call with the admin token to the server, without retries.
    ///
    /// # Errors
    ///
    /// See [`Client::raw`](crate::Client::raw).
    pub async fn raw(&self, call: RawCall) -> Result<RawCallResponse, AdminError> {
        Ok(self.inner.transport.raw(&call.call(&self.inner.base)).await?)
    }

    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, AdminError> {
        Ok(self.inner.transport.read(&call).await?)
    }

    /// Returns the URL of a call. `path` is a list of segments, because an id may contain a slash.
    fn url_for<const N: usize>(&self, path: [&str; N]) -> Url {
        let mut url = self.inner.base.clone();
        // Always succeeds, because an HTTP URL can have a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }
}

impl fmt::Debug for AdminClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClient").field("base", &self.inner.base.as_str()).finish_non_exhaustive()
    }
}

/// Whether Terra hosts the server at this URL.
#[must_use]
pub fn is_hosted_server(server: &Url) -> bool {
    is_hosted(server)
}
