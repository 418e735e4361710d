mod call;
mod keys;
pub(crate) mod response;
mod retry;

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

use crate::{
    ApiProblem, Clock, Error, error::api_problem::Cleaner, hosted::is_loopback, private_http::PrivateOnly, trace,
    transport::response::RawCallResponse,
};
pub(crate) use call::Call;
pub(crate) use keys::Keys;
use response::{RawResponse, describe_parse_error, describe_redirect, read_body, reports_error};

/// The timeouts of an attempt, and the number of retries.
#[derive(Clone, Copy)]
pub(crate) struct RetryPolicy {
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) retries: usize,
    /// `false` ignores all proxies.
    pub(crate) proxies: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(5), timeout: Duration::from_secs(30), retries: 2, proxies: true }
    }
}

/// Sends calls with the keys, timeouts and retries.
pub(crate) struct Transport {
    /// For encrypted connections.
    http: reqwest::Client,
    /// For plain HTTP: keys must not leave the machine or the private network.
    plain: reqwest::Client,
    keys: Keys,
    backoff: ExponentialBuilder,
    clock: Clock,
}

impl Transport {
    /// Creates a transport for calls to `addresses`. Errors name the first one as the server.
    pub(crate) fn new(keys: Keys, addresses: [&Url; 2], limits: &RetryPolicy, clock: Clock) -> Result<Self, Error> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(concat!("terra-auth/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(limits.connect_timeout)
                .timeout(limits.timeout)
                .redirect(redirect::Policy::none())
        };
        // A proxy would see a key that is sent unencrypted.
        let without_proxy = !limits.proxies || addresses.into_iter().any(|url| is_loopback(url) || is_plain(url));
        let encrypted = || if without_proxy { builder().no_proxy() } else { builder() };
        let plain = || builder().no_proxy().dns_resolver(Arc::new(PrivateOnly));
        let failed = |source| Error::Network {
            problem: "TLS could not start for",
            host: host(addresses[0]),
            next: CHECK_NETWORK,
            source: Some(source),
        };
        let backoff =
            ExponentialBuilder::default().with_min_delay(retry::INITIAL_BACKOFF).with_max_times(limits.retries);
        let plain = plain().build().map_err(&failed)?;
        let all_plain = addresses.into_iter().all(is_plain);
        let http = if all_plain { plain.clone() } else { encrypted().build().map_err(&failed)? };
        Ok(Self { http, plain, keys, backoff: backoff.with_jitter(), clock })
    }

    /// Sends `call` and parses the response as `T`.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = self.send(call).await?;
        self.parse(call, &answer)
    }

    /// Sends a call to the first of `paths` that the server supports. `known` stores its index, and later calls
    /// start with it.
    pub(crate) async fn read_first_supported<T: DeserializeOwned, P>(
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

    /// Sends `call`, whose response is a success or has no content. A page of a proxy is neither.
    pub(crate) async fn send_without_result(&self, call: &Call) -> Result<(), Error> {
        let answer = self.send(call).await?;
        if answer.status == StatusCode::NO_CONTENT { Ok(()) } else { self.parse::<wire::Done>(call, &answer).map(drop) }
    }

    /// Sends `call` once and returns any response, including errors. A redirect is not followed and is an error.
    pub(crate) async fn raw(&self, call: &Call) -> Result<RawCallResponse, Error> {
        let failed = |source: reqwest::Error| network(&call.url, source);
        let mut response = self.request(call).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        tracing::debug!(status = status.as_u16(), "{} {} answered", call.method, call.url.path());
        if status.is_redirection() {
            return Err(self.unreadable(call, &headers, &describe_redirect(status, &headers)));
        }
        let Some(body) = read_body(&mut response, call.max_response_bytes).await.map_err(failed)? else {
            return Err(self.unreadable(call, &headers, &format!("longer than {} bytes", call.max_response_bytes)));
        };
        let trace_id = self.cleaner().header(&headers, "x-terra-trace-id");
        Ok(RawCallResponse { status: status.as_u16(), trace_id, body: body.into() })
    }

    /// Returns the date of the server's response, whatever its status is.
    pub(crate) async fn date(&self, call: &Call) -> Result<Option<Timestamp>, Error> {
        let response = self.request(call).send().await.map_err(|source| network(&call.url, source))?;
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        Ok(date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp()))
    }

    async fn send(&self, call: &Call) -> Result<RawResponse, Error> {
        (|| self.attempt(call))
            .retry(self.backoff)
            .when(|error| retry::is_safe(call, error))
            .adjust(retry::retry_delay)
            .notify(|error, wait| tracing::warn!(path = call.url.path(), "retrying in {wait:?}: {error}"))
            .await
    }

    async fn attempt(&self, call: &Call) -> Result<RawResponse, Error> {
        let failed = |source: reqwest::Error| network(&call.url, source);
        let mut response = self.request(call).send().await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        tracing::debug!(status = status.as_u16(), "{} {} answered", call.method, call.url.path());
        if status.is_redirection() || status.is_informational() {
            return Err(self.unreadable(call, &headers, &describe_redirect(status, &headers)));
        }
        let Some(body) = read_body(&mut response, call.max_response_bytes).await.map_err(failed)? else {
            return Err(self.unreadable(call, &headers, &format!("longer than {} bytes", call.max_response_bytes)));
        };
        if status.is_success() && !reports_error(&body) {
            Ok(RawResponse { status, headers, body })
        } else {
            Err(self.error_from_response(status, &headers, &body))
        }
    }

    fn parse<T: DeserializeOwned>(&self, call: &Call, answer: &RawResponse) -> Result<T, Error> {
        let read = serde_json::from_slice(&answer.body);
        read.map_err(|error| self.unreadable(call, &answer.headers, &describe_parse_error(&error, &answer.headers)))
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

    fn error_from_response(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        let mut refusal = ApiProblem::read(status, headers, body, &self.cleaner());
        refusal.retry_after = retry::retry_after(headers, (self.clock)());
        refusal.into_error(headers)
    }

    /// The error for a response to `call` that is not one of this API.
    pub(crate) fn unreadable(&self, call: &Call, headers: &HeaderMap, problem: &str) -> Error {
        let trace_id = self.cleaner().header(headers, "x-terra-trace-id");
        Error::UnreadableResponse { host: host(&call.url), problem: self.cleaner().clean(problem), trace_id }
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
        () if source.is_timeout() => "no complete response within the time limit from",
        () => "lost the connection to",
    };
    Error::Network { problem, host: host(url), next: CHECK_NETWORK, source: Some(source.without_url()) }
}

/// Whether the connection was refused, because no program listens at the port.
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
