use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable as _};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderValue},
    redirect,
};
use serde::de::DeserializeOwned;
use terra_auth_types::{ApiKey, wire};
use url::Url;

use answer::{Answer, body, misread, redirected, says_error};
pub(crate) use call::Call;

use crate::{Clock, Credentials, CredentialsError, Error, Refusal, endpoints::is_loopback, error::refusal::Cleaner};

mod answer;
mod call;
mod repeat;

/// How long an attempt may take and how often it is repeated.
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
    http: reqwest::Client,
    keys: HeaderMap,
    api_key: ApiKey,
    backoff: ExponentialBuilder,
    clock: Clock,
}

impl Transport {
    pub(crate) fn new(credentials: &Credentials, limits: &Limits, clock: Clock) -> Result<Self, Error> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("terra-auth/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect_timeout)
            .timeout(limits.timeout)
            .redirect(redirect::Policy::none());
        // A proxy would see the key that loopback may carry unencrypted.
        if !limits.proxies || [&credentials.api_url, &credentials.streaming_url].into_iter().any(is_loopback) {
            http = http.no_proxy();
        }
        let failed =
            |source| Error::Network { problem: "TLS could not start for", host: host(&credentials.api_url), source };
        let backoff = ExponentialBuilder::default().with_min_delay(repeat::FIRST_WAIT).with_max_times(limits.retries);
        Ok(Self {
            http: http.build().map_err(failed)?,
            keys: keys(credentials)?,
            api_key: credentials.api_key.clone(),
            backoff: backoff.with_jitter(),
            clock,
        })
    }

    /// The answer to `call`, read as `T`.
    pub(crate) async fn read<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let answer = self.send(call).await?;
        self.parse(call, &answer)
    }

    /// The answer to the first of `calls` whose path the server has. `known` remembers which, and starts there.
    pub(crate) async fn read_first<T: DeserializeOwned>(
        &self,
        known: &AtomicUsize,
        calls: &[Call],
    ) -> Result<T, Error> {
        let missing = |answer: &Result<T, Error>| matches!(answer, Err(Error::NotFound(_) | Error::Gone { .. }));
        let mut index = known.load(Relaxed);
        let mut answer = self.read(&calls[index]).await;
        for _ in 1..calls.len() {
            if missing(&answer) {
                index = (index + 1) % calls.len();
                answer = self.read(&calls[index]).await;
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
        let mut headers = self.keys.clone();
        if !call.needs_api_key {
            headers.remove(API_KEY);
        }
        let request = self.http.request(call.method.clone(), call.url.clone()).headers(headers);
        match &call.body {
            Some(body) => request.body(body.clone()),
            None => request,
        }
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
        Cleaner { api_key: self.api_key.expose() }
    }
}

const API_KEY: &str = "x-api-key";

/// The headers of every call.
fn keys(credentials: &Credentials) -> Result<HeaderMap, CredentialsError> {
    let header = |key, text: &str| {
        let place = || credentials.source.clone().into();
        let problem = "must be visible ASCII characters";
        let value = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty());
        value.ok_or_else(|| CredentialsError::Invalid { place: place(), key, problem })
    };
    let mut api_key = header("TERRA_API_KEY", credentials.api_key.expose())?;
    api_key.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("dev-id", header("TERRA_DEV_ID", credentials.dev_id.as_str())?);
    headers.insert(API_KEY, api_key);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

pub(crate) fn network(url: &Url, source: reqwest::Error) -> Error {
    let problem = match () {
        () if source.is_connect() => "could not reach",
        () if source.is_timeout() => "no whole answer within the time limit from",
        () => "lost the connection to",
    };
    Error::Network { problem, host: host(url), source: source.without_url() }
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
