//! The gateway's calls: to the app, to the issuers of its tokens, and to the hosts of provider logos.

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

/// How much an answer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From connecting to the body's last byte; more than 10 s has no effect.
    pub timeout: Duration,
    /// The longest body.
    pub size_bytes: usize,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// 200 to 599.
    pub status: u16,
    /// As they came.
    pub headers: HeaderMap,
    /// The whole body, unpacked.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The target of a redirect, for a log: absolute, without user, query and fragment, which can contain secrets, and cut at
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
    let _ = target.set_username("").and_then(|()| target.set_password(None)); // a URL without a host has neither
    Some(target.as_str().chars().take(MAX_CHARS).collect())
}

/// Why there is no answer. The URL is left out: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The policy does not permit the URL.
    #[error("the address may not be called")]
    Forbidden(#[from] Forbidden),
    /// It took too long.
    #[error("no answer came in time")]
    Timeout,
    /// The body is longer than it may be.
    #[error("the answer is too large")]
    TooLarge {
        /// 200 to 599.
        status: u16,
    },
    /// The network's own reason.
    #[error("the call failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Http {
    /// A client for addresses that `policy` permits. Proxies are for addresses that the operator named.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(policy: AddressPolicy, proxies: Proxies) -> Result<Self, SetupError> {
        HttpClient::new(policy, proxies).map(Self)
    }

    /// Checks all of a URL that can be checked before its name is resolved.
    ///
    /// # Errors
    ///
    /// See [`Forbidden`].
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        self.0.check(url)
    }

    /// Asks for what is at `url`.
    ///
    /// # Errors
    ///
    /// See [`HttpError`]; an answer with any status is none.
    pub async fn get(&self, url: &Url, headers: HeaderMap, bounds: Bounds) -> Result<HttpAnswer, HttpError> {
        self.send(self.0.client().get(url.clone()).headers(headers), bounds).await
    }

    /// Posts a body to `url`.
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
