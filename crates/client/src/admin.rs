//! The admin API of a server of one's own: keys, environments, admin tokens, the audit log.
//!
//! ```no_run
//! use terra_auth::{admin::AdminClient, wire::admin::RetireKey};
//!
//! # async fn example(token: terra_auth::AdminToken) -> Result<(), Box<dyn std::error::Error>> {
//! let admin = AdminClient::new(&"https://auth.acme.example".parse()?, &token)?;
//! let dev_id = "acme-testing-0000000000".parse()?;
//! for key in admin.list_api_keys(&dev_id).await? {
//!     let issued = admin.rotate_api_key(&dev_id, key.key_id, RetireKey::default()).await?;
//!     println!("{} is replaced by {}; both work for a day", key.name, issued.key.key_id);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The wire is [`wire::admin`](crate::wire::admin). Only what reads is repeated after a failure that may pass; all other
//! limits are those of [`Client`](crate::Client).

use std::{fmt, sync::Arc};

use serde::de::DeserializeOwned;
use terra_auth_types::AdminToken;
use url::Url;

use crate::{
    RawAnswer, RawCall, clock,
    endpoints::{check, is_hosted, widget_base},
    transport::{Call, Keys, Limits, Transport},
};

pub use api_key::HostedApiKey;
pub use error::AdminError;

mod api_key;
mod audit;
mod connection;
mod environment;
mod error;
mod migration;
mod provider;
mod revocation;
mod token;
mod vault;

/// An operator's way to a server. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct AdminClient {
    inner: Arc<Inner>,
}

struct Inner {
    base: Url,
    transport: Transport,
}

impl AdminClient {
    /// A client for the server that answers at `server`; any path of it is ignored, so a `TERRA_API_URL` will do.
    ///
    /// # Errors
    ///
    /// [`AdminError::InvalidAddress`] for one that is not safe to send a token to, [`AdminError::InvalidToken`] for text
    /// that cannot travel in a header, [`AdminError::Call`] if TLS cannot start.
    pub fn new(server: &Url, token: &AdminToken) -> Result<Self, AdminError> {
        check(server, ["https", "http"]).map_err(AdminError::InvalidAddress)?;
        let keys = Keys::of_admin(token).ok_or(AdminError::InvalidToken)?;
        let mut base = widget_base(server);
        base.set_path("/api/v3/admin");
        let transport = Transport::new(keys, [&base, &base], &Limits::default(), clock::system())?;
        Ok(Self { inner: Arc::new(Inner { base, transport }) })
    }

    /// Sends a call with the admin token to the server. It is sent once.
    ///
    /// # Errors
    ///
    /// As [`Client::raw`](crate::Client::raw).
    pub async fn raw(&self, call: RawCall) -> Result<RawAnswer, AdminError> {
        Ok(self.inner.transport.raw(&call.call(&self.inner.base)).await?)
    }

    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, AdminError> {
        Ok(self.inner.transport.read(&call).await?)
    }

    /// The address of a call. What stands between slashes is given piece by piece, because an id may hold a slash.
    fn at<const N: usize>(&self, path: [&str; N]) -> Url {
        let mut url = self.inner.base.clone();
        // Always: an http address can have a path.
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

/// Whether Terra itself runs the server at this address.
#[must_use]
pub fn is_terras_own(server: &Url) -> bool {
    is_hosted(server)
}
