//! The configuration of a sandbox.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

/// The base URL and the only client of a sandbox.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The public URL under which the caller nests the router, without a trailing slash, such as
    /// `http://127.0.0.1:8787/sandbox`.
    pub base_url: Url,
    /// The name of the app on the pages.
    pub app_name: String,
    /// The client id, valid at every provider.
    pub client_id: String,
    /// The secret of `client_id`. The sandbox stores only its digest.
    pub client_secret: SecretString,
    /// The registered redirect URIs. A request must repeat one of them, character for character as [`Url`]
    /// formats it.
    pub redirect_uris: Vec<Url>,
    /// The lifetime of access tokens at providers without their own [`Lifetimes`]. `expires_in` returns it in full
    /// seconds.
    pub access_token_ttl: Duration,
    /// The lifetime of an authorization code.
    pub code_ttl: Duration,
}

/// The lifetimes of the tokens that a provider issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// `expires_in` returns it in full seconds.
    pub access_token: Duration,
    /// Counted from the time of issue; `None` means that it never expires. No response contains it.
    pub refresh_token: Option<Duration>,
}

/// Returns the current time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Fills a buffer with random bytes. Two calls must never produce the same bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;
