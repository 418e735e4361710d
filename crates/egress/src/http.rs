//! Simple calls with limits, for the gateway: to the app, to issuers, and to hosts of logos.

use std::time::Duration;

use reqwest::{
    RequestBuilder,
    header::{HeaderMap, LOCATION},
};
use url::Url;

use crate::{
    client::{CallError, HttpClient, read_body},
    guard::{AddressPolicy, Forbidden},
    proxy::{Proxies, SetupError},
};

/// Calls URLs that the policy permits: without cookies or redirects. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Http(HttpClient);

/// The limits of a response.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The time limit, from the connection to the last byte of the body; at most 10 s.
    pub timeout: Duration,
    /// The maximum size of the body.
    pub size_bytes: usize,
}

/// A response with any status.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// 200 to 599.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The complete body, decompressed.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The target of a redirect, for a log: absolute, without user, query and fragment, which can contain secrets, and at most
    /// 200 characters.
    #[must_use]
    pub fn redirect_target(&self, asked: &Url) -> Option<String> {
        redirect_target(self.status, &self.headers, asked)
    }
}

pub(crate) fn redirect_target(status: u16, headers: &HeaderMap, asked: &Url) -> Option<String> {
    const MAX_CHARS: usize = 200;
    let location = headers.get(LOCATION).filter(|_| (300..400).contains(&status))?;
    let mut target = asked.join(location.to_str().ok()?).ok()?;
    target.set_query(None);
    target.set_fragment(None);
    let _ = target.set_username("").and_then(|()| target.set_password(None)); // fails for a URL without a host, which has neither
    Some(target.as_str().chars().take(MAX_CHARS).collect())
}

/// Why there is no response. The URL is left out, because it may contain a secret.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The policy does not permit the URL.
    #[error("calls to this address are not allowed")]
    Forbidden(#[from] Forbidden),
    /// The time limit was exceeded.
    #[error("no response in time")]
    Timeout,
    /// The body exceeds its limit.
    #[error("the response is too large")]
    TooLarge {
        /// 200 to 599.
        status: u16,
    },
    /// The network error.
    #[error("the call failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Http {
    /// Creates a client for addresses that `policy` permits. Proxies are for addresses that the operator configured.
    ///
    /// # Errors
    ///
    /// See [`SetupError`].
    pub fn new(policy: AddressPolicy, proxies: Proxies) -> Result<Self, SetupError> {
        HttpClient::new(policy, proxies).map(Self)
    }

    /// Checks a URL as far as possible before its name is resolved.
    ///
    /// # Errors
    ///
    /// See [`Forbidden`].
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        self.0.check(url)
    }

    /// Sends a GET request to `url`.
    ///
    /// # Errors
    ///
    /// See [`HttpError`]. A response with an error status is not an error.
    pub async fn get(&self, url: &Url, headers: HeaderMap, bounds: Bounds) -> Result<HttpAnswer, HttpError> {
        self.send(self.0.client().get(url.clone()).headers(headers), bounds).await
    }

    /// Sends a POST request with a body to `url`.
    ///
    /// # Errors
    ///
    /// As for [`Http::get`].
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Vec<u8>,
        bounds: Bounds,
    ) -> Result<HttpAnswer, HttpError> {
        self.send(self.0.client().post(url.clone()).headers(headers).body(body), bounds).await
    }

    async fn send(&self, request: RequestBuilder, bounds: Bounds) -> Result<HttpAnswer, HttpError> {
        let timeout = bounds.timeout.min(crate::client::CALL_TIMEOUT);
        let mut response = self.0.send(request.timeout(timeout)).await?;
        let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
        match read_body(response, bounds.size_bytes).await {
            Ok(body) => Ok(HttpAnswer { status, headers, body }),
            Err(CallError::TooLarge) => Err(HttpError::TooLarge { status }),
            Err(error) => Err(error.into()),
        }
    }
}

impl From<CallError> for HttpError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Forbidden(forbidden) => Self::Forbidden(forbidden),
            CallError::Failed(error) if error.is_timeout() => Self::Timeout,
            CallError::Failed(error) => Self::Failed(Box::new(error)),
            CallError::TooLarge => Self::Failed(Box::new(error)),
        }
    }
}
