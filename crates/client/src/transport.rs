use std::{
    error::Error as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable as _};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    StatusCode,
    header::{DATE, HeaderMap},
    redirect,
};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use terra_auth_types::wire;
use url::Url;

use answer::{Answer, body, misread, redirected, says_error};
pub(crate) use call::Call;
pub(crate) use keys::Keys;

use crate::{
    Clock, Error, RawAnswer, Refusal, endpoints::is_loopback, error::refusal::Cleaner, private_http::PrivateOnly, trace,
};

mod answer;
mod call;
mod keys;
mod repeat;

/// How long an attempt may take and how often it is repeated.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) retries: usize,
    /// `false` goes past every proxy.
    pub(crate) proxies: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(30), retries: 2, proxies: true }
    }
}

/// Sends calls with the keys, within the limits.
pub(crate) struct Transport {
    /// For encrypted addresses.
    http: reqwest::Client,
    /// For the others: keys must not leave the machine or the private network.
    plain: reqwest::Client,
    keys: Keys,
    backoff: ExponentialBuilder,
    clock: Clock,
}

impl Transport {
    /// For calls to `addresses`, of which the first names the server in errors.
    pub(crate) fn new(keys: Keys, addresses: [&Url; 2], limits: &Limits, clock: Clock) -> Result<Self, Error> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("terra-auth/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(limits.connect_timeout)
                .timeout(limits.timeout)
                .redirect(redirect::Policy::none())
        };
        // A proxy would see the key that loopback may carry unencrypted.
        let without_proxy = !limits.proxies || addresses.into_iter().any(|url| is_loopback(url) || is_plain(url));
        let encrypted = || if without_proxy { builder().no_proxy() } else { builder() };
        let plain = || builder().no_proxy().dns_resolver(Arc::new(PrivateOnly));
        let failed = |source| Error::Network {
            problem: "TLS could not start for",
            host: host(addresses[0]),
            next: CHECK_NETWORK,
            source: Some(source),
        };
        let backoff = ExponentialBuilder::default().with_min_delay(repeat::FIRST_WAIT).with_max_times(limits.retries);
        let plain = plain().build().map_err(&failed)?;
        let all_plain = addresses.into_iter().all(is_plain);
        let http = if all_plain { plain.clone() } else { encrypted().build().map_err(&failed)? };
        Ok(Self { http, plain, keys, backoff: backoff.with_jitter(), clock })
    }

    /// The answer to `call`, read as `T`.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = self.send(call).await?;
        self.parse(call, &answer)
    }

    /// The answer to the first of a call's `paths` that the server has. `known` remembers which, and starts there.
    pub(crate) async fn read_first<T: DeserializeOwned, P>(
        &self,
        known: &AtomicUsize,
        paths: &[P],
        call: impl Fn(&P) -> Call,
    ) -> Result<T, Error> {
        let missing = |answer: &Result<T, Error>| matches!(answer, Err(Error::NotFound(_) | Error::Gone { .. }));
        let mut index = known.load(Relaxed);
        let mut answer = self.read(&call(&paths[index])).await;
        for _ in 1..paths.len() {
            if missing(&answer) {
                index = (index + 1) % paths.len();
                answer = self.read(&call(&paths[index])).await;
            }
        }
        if !missing(&answer) {
            known.store(index, Relaxed);
        }
        answer
    }

    /// Sends `call`, which is answered with success or with nothing. A page from something in between is neither.
    pub(crate) async fn done(&self, call: &Call) -> Result<(), Error> {
        let answer = self.send(call).await?;
        if answer.status == StatusCode::NO_CONTENT { Ok(()) } else { self.parse::<wire::Done>(call, &answer).map(drop) }
    }

    /// The answer to a call, whatever it is. A redirect is not followed, and is an error.
    pub(crate) async fn raw(&self, call: &Call) -> Result<RawAnswer, Error> {
        let failed = |source: reqwest::Error| network(&call.url, source);
        let mut response = self.request(call).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        tracing::debug!(status = status.as_u16(), "{} {} answered", call.method, call.url.path());
        if status.is_redirection() {
            return Err(self.unreadable(call, &headers, &redirected(status, &headers)));
        }
        let Some(body) = body(&mut response, call.longest_answer).await.map_err(failed)? else {
            return Err(self.unreadable(call, &headers, &format!("longer than {} bytes", call.longest_answer)));
        };
        let trace_id = self.cleaner().header(&headers, "x-terra-trace-id");
        Ok(RawAnswer { status: status.as_u16(), trace_id, body: body.into() })
    }

    /// The server's clock, by whatever it answers.
    pub(crate) async fn date(&self, call: &Call) -> Result<Option<Timestamp>, Error> {
        let response = self.request(call).send().await.map_err(|source| network(&call.url, source))?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        Ok(date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp()))
    }

    async fn send(&self, call: &Call) -> Result<Answer, Error> {
        (|| self.attempt(call))
            .retry(self.backoff)
            .when(|error| repeat::is_safe(call, error))
            .adjust(repeat::wait)
            .notify(|error, wait| tracing::warn!(path = call.url.path(), "repeating in {wait:?}: {error}"))
            .await
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Error> {
        let failed = |source: reqwest::Error| network(&call.url, source);
        let mut response = self.request(call).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        tracing::debug!(status = status.as_u16(), "{} {} answered", call.method, call.url.path());
        if status.is_redirection() || status.is_informational() {
            return Err(self.unreadable(call, &headers, &redirected(status, &headers)));
        }
        let Some(body) = body(&mut response, call.longest_answer).await.map_err(failed)? else {
            return Err(self.unreadable(call, &headers, &format!("longer than {} bytes", call.longest_answer)));
        };
        if status.is_success() && !says_error(&body) {
            Ok(Answer { status, headers, body })
        } else {
            Err(self.refused(status, &headers, &body))
        }
    }

    fn parse<T: DeserializeOwned>(&self, call: &Call, answer: &Answer) -> Result<T, Error> {
        let read = serde_json::from_slice(&answer.body);
        read.map_err(|error| self.unreadable(call, &answer.headers, &misread(&error, &answer.headers)))
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let mut headers = self.keys.headers(call.needs_api_key);
        if let Some(traceparent) = trace::traceparent() {
            headers.insert("traceparent", traceparent);
        }
        let request = self.client(&call.url).request(call.method.clone(), call.url.clone()).headers(headers);
        match &call.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
    }

    fn client(&self, url: &Url) -> &reqwest::Client {
        if is_plain(url) { &self.plain } else { &self.http }
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let mut refusal = Refusal::read(status, headers, body, &self.cleaner());
        refusal.retry_after = repeat::retry_after(headers, (self.clock)());
        refusal.into_error(headers)
    }

    /// An answer to `call` that is none of this API's.
    pub(crate) fn unreadable(&self, call: &Call, headers: &HeaderMap, problem: &str) -> Error {
        let trace_id = self.cleaner().header(headers, "x-terra-trace-id");
        Error::UnreadableAnswer { host: host(&call.url), problem: self.cleaner().clean(problem), trace_id }
    }

    fn cleaner(&self) -> Cleaner<'_> {
        Cleaner { secret: self.keys.secret.expose_secret() }
    }
}

fn is_plain(url: &Url) -> bool {
    ["http", "ws"].contains(&url.scheme())
}

const CHECK_NETWORK: &str = "check the network and the server's address";

pub(crate) fn network(url: &Url, source: reqwest::Error) -> Error {
    if is_loopback(url) && is_refused(&source) {
        let (problem, next) = ("nothing listens at", "is `terra-auth dev` running?");
        return Error::Network { problem, host: host(url), next, source: None };
    }
    let problem = match () {
        () if source.is_connect() => "could not reach",
        () if source.is_timeout() => "no whole answer within the time limit from",
        () => "lost the connection to",
    };
    Error::Network { problem, host: host(url), next: CHECK_NETWORK, source: Some(source.without_url()) }
}

/// Whether no program has the port.
fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(now) = cause {
        if now.downcast_ref::<io::Error>().is_some_and(|now| now.kind() == io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = now.source();
    }
    false
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
