use std::{
    fmt,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{DevId, Environment};
use url::Url;

use crate::{
    Clock, Credentials, Error, clock,
    endpoints::Endpoints,
    transport::{Keys, RetryPolicy, Transport},
};

/// A client for the API with the keys of one environment. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    environment: Environment,
    dev_id: DevId,
    clock: Clock,
    pub(crate) endpoints: Endpoints,
    pub(crate) transport: Transport,
    /// The index of the widget call's path that worked last.
    pub(crate) widget_path: AtomicUsize,
    /// The possible URLs of the mobile token call; `mobile_token_path` is the index of the one that worked last.
    pub(crate) mobile_token_urls: [Url; 2],
    pub(crate) mobile_token_path: AtomicUsize,
}

impl Client {
    /// Creates a client with the keys of `environment`, from the process environment or the nearest credential file.
    /// Problems of the file that are not errors, such as unsafe permissions, are logged as warnings.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`] names the file and the line to fix.
    pub fn from_environment(environment: Environment) -> Result<Self, Error> {
        let credentials = Credentials::load(environment)?;
        for notice in &credentials.warnings {
            tracing::warn!("{notice}");
        }
        Self::new(credentials)
    }

    /// Creates a client with these keys and the default limits.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`] for a key that cannot be sent in a header, or a URL that is not safe to send it to;
    /// [`Error::Network`] if TLS cannot start.
    pub fn new(credentials: Credentials) -> Result<Self, Error> {
        Self::builder(credentials).build()
    }

    /// Returns a builder for a client with other limits.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder { credentials, limits: RetryPolicy::default(), clock: clock::system() }
    }

    /// The environment of the client's keys.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }

    /// The dev-id, the public half of the keys.
    #[must_use]
    pub fn dev_id(&self) -> &DevId {
        &self.inner.dev_id
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { environment, dev_id, .. } = &*self.inner;
        f.debug_struct("Client").field("environment", environment).field("dev_id", dev_id).finish_non_exhaustive()
    }
}

/// The time at which `expires_in` seconds have passed. `asked_at` must be from before the call, so the result is
/// never too late.
pub(crate) fn deadline(asked_at: Timestamp, expires_in: u32) -> Timestamp {
    asked_at + SignedDuration::from_secs(i64::from(expires_in))
}

/// Builds a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    credentials: Credentials,
    limits: RetryPolicy,
    clock: Clock,
}

impl ClientBuilder {
    /// Sets the timeout for connecting; 5 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// Sets the timeout of one attempt, from connecting to the last byte of the body; 30 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Sets the maximum number of retries of a call, where a retry is safe; 2 by default.
    pub fn retries(mut self, retries: usize) -> Self {
        self.limits.retries = retries;
        self
    }

    /// Ignores the proxies of the process environment.
    pub fn no_proxy(mut self) -> Self {
        self.limits.proxies = false;
        self
    }

    /// Sets a clock other than the system clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Creates the client.
    ///
    /// # Errors
    ///
    /// See [`Client::new`].
    pub fn build(self) -> Result<Client, Error> {
        let Self { credentials, limits, clock } = self;
        let endpoints = Endpoints::of(&credentials)?;
        let addresses = [&credentials.api_url, &credentials.streaming_url];
        let transport = Transport::new(Keys::of(&credentials)?, addresses, &limits, clock.clone())?;
        let Credentials { environment, dev_id, .. } = credentials;
        let inner = Inner {
            environment,
            dev_id,
            clock,
            mobile_token_urls: MOBILE_TOKEN_PATHS.map(|name| endpoints.api(name)),
            endpoints,
            transport,
            widget_path: AtomicUsize::new(0),
            mobile_token_path: AtomicUsize::new(0),
        };
        Ok(Client { inner: Arc::new(inner) })
    }
}

/// The names of the mobile token call, the newer one first.
pub(crate) const MOBILE_TOKEN_PATHS: [&str; 2] = ["auth/tokens", "auth/generateAuthToken"];
