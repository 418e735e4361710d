//! The HTTP client: it checks addresses, bounds responses, and follows no redirect.

use std::{error::Error, sync::Arc, time::Duration};

use reqwest::{RequestBuilder, Response, redirect::Policy};
use serde::Deserialize;
use url::Url;

use crate::{
    guard::{AddressPolicy, Forbidden, GuardedResolver, Scheme},
    proxy::{self, Proxies, Proxy, SetupError},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of a call.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_CONNECTIONS_PER_HOST: usize = 8;
const USER_AGENT: &str = concat!("terra-auth/", env!("CARGO_PKG_VERSION"));

/// Why a call failed. URLs are left out, because they may contain secrets.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The address is not allowed.
    #[error("calls to this address are not allowed")]
    Forbidden(#[from] Forbidden),
    /// No connection, or no complete response in time.
    #[error("the call failed")]
    Failed(#[source] reqwest::Error),
    /// The response is larger than its limit.
    #[error("the response is too large")]
    TooLarge,
}

/// An HTTP client without cookies and redirects, for permitted addresses only.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    /// The client for plain HTTP, if the policy permits it. Its resolver has another rule.
    plain: Option<reqwest::Client>,
    proxy: Option<Proxy>,
    policy: AddressPolicy,
}

impl HttpClient {
    /// Creates a client with this policy.
    ///
    /// # Errors
    ///
    /// The TLS library or a proxy could not be set up.
    pub fn new(policy: AddressPolicy, proxies: Proxies) -> Result<Self, SetupError> {
        let direct = |scheme| {
            let resolver = GuardedResolver { policy, scheme };
            builder().dns_resolver(Arc::new(resolver)).no_proxy().build().map_err(SetupError)
        };
        let plain = (policy != AddressPolicy::Public).then(|| direct(Scheme::Http)).transpose()?;
        let proxy = match proxies {
            Proxies::None => None,
            Proxies::Environment => Proxy::new(builder())?,
        };
        Ok(Self { client: direct(Scheme::Https)?, plain, proxy, policy })
    }

    /// Checks a URL as far as possible before its name is resolved.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        match self.proxy_for(url) {
            Some(_) => proxy::check(self.policy, url),
            None => self.policy.check(url),
        }
    }

    fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| proxy::carries(url))
    }

    /// The client that builds requests. Send them with [`HttpClient::send`].
    #[must_use]
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Builds a request with the method of a recipe.
    pub fn call(&self, method: Method, url: Url) -> RequestBuilder {
        match method {
            Method::Post => self.client.post(url),
            Method::Get => self.client.get(url),
            Method::Delete => self.client.delete(url),
        }
    }

    /// Sends a request. The body of the response is not read yet.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let request = request.build()?;
        let url = request.url();
        self.check(url)?;
        let client = match (self.proxy_for(url), &self.plain) {
            (Some(proxy), _) => {
                proxy::check_name(self.policy, url).await?;
                &proxy.client
            }
            (None, Some(plain)) if url.scheme() == "http" => plain,
            (None, _) => &self.client,
        };
        Ok(client.execute(request).await?)
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
        .user_agent(USER_AGENT)
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        match forbidden_by_resolver(&error) {
            Some(forbidden) => Self::Forbidden(forbidden),
            None => Self::Failed(error.without_url()),
        }
    }
}

fn forbidden_by_resolver(error: &reqwest::Error) -> Option<Forbidden> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref() {
            return Some(*forbidden);
        }
        cause = error.source();
    }
    None
}

/// The method of a call.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `POST`.
    #[default]
    Post,
    /// `GET`.
    Get,
    /// `DELETE`.
    Delete,
}
