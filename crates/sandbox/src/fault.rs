//! The faults that a provider can simulate.

use std::time::Duration;

/// A fault in the calls of an app's server, at every endpoint except introspection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429 with `Retry-After`, or the provider's own code for it. The call is not processed.
    TooManyRequests {
        /// The value of `Retry-After`.
        retry_after_seconds: u32,
    },
    /// 500 with a plain text. The call is not processed.
    ServerError,
    /// The correct response after this delay, at most a minute.
    Slow(Duration),
    /// 200 with an HTML page, like the response of a proxy. The call is not processed.
    Html,
    /// The call is processed, but the JSON of its response is truncated, so its content is lost.
    TruncatedJson,
    /// Token responses have no refresh token. The one that the client used stays valid.
    NoRefreshToken,
    /// The connection is closed. The call is not processed.
    LostRequest,
    /// The call is processed, and then the connection is closed. The client cannot distinguish it from
    /// [`Fault::LostRequest`].
    LostResponse,
    /// The call is processed twice, as if a proxy repeated it, and the client gets the second response.
    ProcessedTwice,
    /// The client's credentials are rejected, even if they are correct. The call is not processed.
    InvalidClient,
    /// 400 without an error code, like the response of a firewall. The call is not processed.
    NoErrorCode,
    /// Token responses contain scopes as a JSON array.
    ScopeList,
    /// Token responses contain this `expires_in`, whatever the token's lifetime is.
    ExpiresIn(LifetimeFault),
}

/// An unusual `expires_in`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifetimeFault {
    /// The field is absent.
    Missing,
    /// `null`.
    Null,
    /// `0`.
    Zero,
    /// `-1`.
    Negative,
    /// The correct number, as a string.
    Text,
    /// `1e300`.
    Huge,
}

impl Fault {
    /// The choices on the consent page: value, label, fault.
    pub(crate) const CHOICES: &[(&str, &str, Option<Self>)] = &[
        ("none", "None: respond normally", None),
        (
            "429",
            "Too many requests (429, retry after 30 seconds)",
            Some(Self::TooManyRequests { retry_after_seconds: 30 }),
        ),
        ("500", "Server error (500)", Some(Self::ServerError)),
        ("slow", "Slow responses (5 seconds each)", Some(Self::Slow(Duration::from_secs(5)))),
        ("html", "A web page instead of JSON", Some(Self::Html)),
        ("broken-json", "Truncated JSON", Some(Self::TruncatedJson)),
        ("no-refresh-token", "No refresh token", Some(Self::NoRefreshToken)),
        ("lost-answer", "Lost responses", Some(Self::LostResponse)),
        ("invalid-client", "App rejected (invalid_client)", Some(Self::InvalidClient)),
    ];
}
