use std::{sync::Arc, time::Duration};

use http::HeaderValue;
use terra_auth::{Client, DevId, SigningSecret, webhook::Verifier};
use terra_auth_egress::{AddressPolicy, Http, Proxies};
use terra_auth_model::clock::Clock;
use terra_auth_types::redirect;
use tokio::time::Instant;
use url::Url;

use crate::{
    breaker::{Breaker, UpstreamError},
    catalogue::Catalogue,
    clients::Clients,
    config::{Config, Dependencies},
    error::ApiError,
    host::Hosts,
    login::{EndUser, Jwt, Login, RequestCredentials, TrustedHeader, WhoAmI},
    metrics, origin,
    rate_limit::RateLimiter,
    settings::{LoginSettings, Settings},
    setup::SetupError,
};

/// The effective configuration.
pub(crate) struct RuntimeConfig {
    pub(crate) clients: Clients,
    pub(crate) breaker: Breaker,
    pub(crate) limits: Arc<RateLimiter>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) settings: Settings,
    /// The allowed hosts.
    pub(crate) hosts: Hosts,
    /// The allowed origins.
    pub(crate) allowed_origins: Vec<HeaderValue>,
    /// `None` without a signing secret.
    pub(crate) verifier: Option<Verifier>,
    pub(crate) forwarding: Option<Forwarding>,
    pub(crate) http: Http,
    /// The login methods of an embedding app.
    own_logins: Vec<Arc<dyn Login>>,
    logins: LoginMethods,
    /// Whether a login method depends on a local key, which a reload can change.
    own_key: bool,
    upstream: (DevId, Url),
}

type LoginMethods = Arc<[Box<dyn Login>]>;

/// The forwarding of events.
pub(crate) struct Forwarding {
    pub(crate) url: Url,
    pub(crate) secret: SigningSecret,
}

const TIMEOUT_S: u32 = 10;
const TOLERANCE_S: u32 = 300;

impl RuntimeConfig {
    /// Parts with unchanged settings are taken from `before`: the issuer's keys, the rate limits, and the state of the circuit
    /// breaker.
    pub(crate) fn new(config: &Config, parts: &Dependencies, before: Option<&Self>) -> Result<Self, SetupError> {
        let Config { settings, credentials, .. } = config;
        if settings.login == LoginSettings::default() && config.logins.is_empty() {
            return Err(SetupError::NoLogin);
        }
        let clock = &parts.clock;
        let seconds = settings.upstream.timeout_s.map_or(TIMEOUT_S, Into::into);
        let system = Arc::clone(clock);
        let builder = Client::builder(credentials.clone())
            .timeout(Duration::from_secs(seconds.into()))
            .retries(1)
            .clock(Arc::new(move || system.now()));
        let clients = Clients::new(builder)?;
        // The operator configured these addresses.
        let http = Http::new(AddressPolicy::AllowPrivate, Proxies::None)?;
        let tolerance = settings.webhooks.tolerance_s.map_or(TOLERANCE_S, Into::into);
        let verifier = Verifier::new(credentials.signing_secrets().map(SigningSecret::expose))
            .with_tolerance(Duration::from_secs(tolerance.into()));
        check_redirects(settings)?;
        let upstream = (credentials.dev_id.clone(), credentials.api_url.clone());
        let own_key = has_own_key(config);
        let same = |is_so: &dyn Fn(&Self) -> bool| before.filter(|before| is_so(before));
        let same_upstream = same(&|before| before.upstream == upstream);
        Ok(Self {
            breaker: match same_upstream.filter(|before| before.settings.upstream == settings.upstream) {
                Some(before) => before.breaker.clone(),
                None => Breaker::new(&settings.upstream, Arc::clone(clock)),
            },
            limits: match same(&|before| before.settings.limits == settings.limits) {
                Some(before) => Arc::clone(&before.limits),
                None => Arc::new(RateLimiter::new(&settings.limits, Arc::clone(clock))),
            },
            catalogue: match same_upstream {
                Some(before) => Arc::clone(&before.catalogue),
                None => Arc::new(Catalogue::new(clients.any().clone(), credentials, Arc::clone(clock))?),
            },
            settings: settings.clone(),
            hosts: Hosts::new(settings)?,
            allowed_origins: origin::allowed(&settings.cors.allowed_origins)?,
            verifier: credentials.signing_secret.is_some().then_some(verifier),
            forwarding: forwarding(config)?,
            own_logins: config.logins.clone(),
            logins: match same(&|before| before.settings.login == settings.login && !before.own_key && !own_key) {
                Some(before) => Arc::clone(&before.logins),
                None => logins(config, &http, clock)?,
            },
            own_key,
            upstream,
            clients,
            http,
        })
    }

    /// The end user of the request.
    pub(crate) async fn identify(&self, request: &RequestCredentials<'_>) -> Result<EndUser, ApiError> {
        for login in self.logins() {
            if let Some(identity) = login.caller(request).await? {
                return Ok(identity);
            }
        }
        Err(ApiError::not_logged_in("no user is logged in"))
    }

    fn logins(&self) -> impl Iterator<Item = &dyn Login> {
        let own = self.own_logins.iter().map(|login| &**login);
        own.chain(self.logins.iter().map(|login| &**login))
    }

    /// Calls the upstream through the circuit breaker.
    pub(crate) async fn call<T>(
        &self,
        work: impl Future<Output = Result<T, terra_auth::Error>>,
    ) -> Result<T, UpstreamError> {
        let began = Instant::now();
        let result = self.breaker.call(work).await;
        metrics::upstream_call(&result, began.elapsed());
        result
    }

    /// Whether a login can probably succeed now.
    pub(crate) async fn login_is_reachable(&self) -> bool {
        for login in self.logins() {
            if login.reachable().await.is_err() {
                return false;
            }
        }
        true
    }
}

fn logins(config: &Config, http: &Http, clock: &Arc<dyn Clock>) -> Result<LoginMethods, SetupError> {
    let LoginSettings { jwt, who_am_i, trusted_header } = &config.settings.login;
    let mut logins: Vec<Box<dyn Login>> = Vec::new();
    if let Some(settings) = trusted_header {
        logins.push(Box::new(TrustedHeader::new(settings, config.proxy_secret.as_ref())?));
    }
    if let Some(settings) = jwt {
        // An attacker who can impersonate the issuer can log in as any user.
        let policy = if settings.private_http { AddressPolicy::AllowPrivate } else { AddressPolicy::PlainOnLoopback };
        let http = Http::new(policy, Proxies::Environment)?;
        logins.push(Box::new(Jwt::new(settings, config.jwt_secret.as_ref(), &http, Arc::clone(clock))?));
    }
    if let Some(settings) = who_am_i {
        logins.push(Box::new(WhoAmI::new(settings, http, Arc::clone(clock))?));
    }
    Ok(logins.into())
}

fn has_own_key(config: &Config) -> bool {
    let has_file = config.settings.login.jwt.as_ref().is_some_and(|jwt| jwt.public_key_file.is_some());
    has_file || config.jwt_secret.is_some() || config.proxy_secret.is_some()
}

fn check_redirects(settings: &Settings) -> Result<(), SetupError> {
    let Some(entry) = settings.widget.allowed_redirects.iter().find(|entry| !redirect::is_allow_list_entry(entry))
    else {
        return Ok(());
    };
    let problem = format!("{entry}: remove the query, the fragment and the dot segments; they are not supported");
    Err(SetupError::invalid("widget.allowed_redirects", problem))
}

fn forwarding(config: &Config) -> Result<Option<Forwarding>, SetupError> {
    const KEY: &str = "webhooks.forward_to";
    let Some(url) = config.settings.webhooks.forward_to.clone() else { return Ok(None) };
    AddressPolicy::AllowPrivate.check(&url).map_err(|error| SetupError::invalid(KEY, error.to_string()))?;
    let secret = config.forward_secret.clone();
    let secret = secret.ok_or_else(|| SetupError::invalid(KEY, "no signing secret was given"))?;
    Ok(Some(Forwarding { url, secret }))
}
