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
    mobile_token::MOBILE_TOKEN_NAMES,
    transport::{Keys, Limits, Transport},
};

/// One environment's way to the API. Cloning is cheap and shares the connections.
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
    /// Which of the widget call's paths answered last.
    pub(crate) widget_path: AtomicUsize,
    /// Where the mobile token call may be, and which of the two answered last.
    pub(crate) mobile_token_urls: [Url; 2],
    pub(crate) mobile_token_path: AtomicUsize,
}

impl Client {
    /// A client with the keys of `environment`, from the working directory's credential file or the process environment.
    /// What is odd about the file, such as others being able to read it, is logged as a warning.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`] says which file and line to mend.
    pub fn from_environment(environment: Environment) -> Result<Self, Error> {
        let credentials = Credentials::load(environment)?;
        for notice in &credentials.notices {
            tracing::warn!("{notice}");
        }
        Self::new(credentials)
    }

    /// A client with these keys and the usual limits.
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`] for a key that cannot travel in a header or a URL that is not safe to send it to;
    /// [`Error::Network`] if TLS cannot start.
    pub fn new(credentials: Credentials) -> Result<Self, Error> {
        Self::builder(credentials).build()
    }

    /// A client with limits of your own.
    pub fn builder(credentials: Credentials) -> ClientBuilder {
        ClientBuilder { credentials, limits: Limits::default(), clock: clock::system() }
    }

    /// Whose keys it holds.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.inner.environment
    }

    /// The public half of the keys.
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

/// When `expires_in` seconds have passed. `asked_at` is from before the call, so the answer is never too late.
pub(crate) fn deadline(asked_at: Timestamp, expires_in: u32) -> Timestamp {
    asked_at + SignedDuration::from_secs(i64::from(expires_in))
}

/// Makes a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    credentials: Credentials,
    limits: Limits,
    clock: Clock,
}

impl ClientBuilder {
    /// How long connecting may take; 5 s unless told otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.limits.connect_timeout = timeout;
        self
    }

    /// How long one attempt may take, from connecting to the body's last byte; 30 s unless told otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// How often a call is repeated where that is safe; 2 unless told otherwise.
    pub fn retries(mut self, retries: usize) -> Self {
        self.limits.retries = retries;
        self
    }

    /// Past any proxy that the process environment names.
    pub fn no_proxy(mut self) -> Self {
        self.limits.proxies = false;
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// # Errors
    ///
    /// As [`Client::new`].
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
            mobile_token_urls: MOBILE_TOKEN_NAMES.map(|name| endpoints.api(name)),
            endpoints,
            transport,
            widget_path: AtomicUsize::new(0),
            mobile_token_path: AtomicUsize::new(0),
        };
        Ok(Client { inner: Arc::new(inner) })
    }
}
