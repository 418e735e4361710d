//! What the caller decides about the sandbox.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

/// The address and the one client of a sandbox.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The public address under which the caller nests the router, without a trailing slash: `http://127.0.0.1:8787/sandbox`.
    pub base_url: Url,
    /// The app that asks for consent, as the pages call it.
    pub app_name: String,
    /// The client id that every face accepts.
    pub client_id: String,
    /// The secret that belongs to `client_id`; the sandbox keeps only its digest.
    pub client_secret: SecretString,
    /// Where an answer may be sent. A request must repeat one of them, character for character as [`Url`] writes it.
    pub redirect_uris: Vec<Url>,
    /// How long an access token lives, unless a face has [`Lifetimes`] of its own; whole seconds are told to the client as
    /// `expires_in`.
    pub access_token_ttl: Duration,
    /// How long an authorization code may wait to be exchanged.
    pub code_ttl: Duration,
}

/// How long the tokens live that a face issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Whole seconds are told to the client as `expires_in`.
    pub access_token: Duration,
    /// From its issue on; `None` is for ever. The client is not told.
    pub refresh_token: Option<Duration>,
}

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Fills a buffer with random bytes. Two calls must never give the same bytes.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;
