//! Asks the app who is logged in, with the caller's cookie or authorization.

mod cache;
mod call_slots;
mod response;

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{self, ACCEPT, AUTHORIZATION, COOKIE},
};

use jiff::{SignedDuration, Timestamp};

use terra_auth_model::clock::Clock;

use terra_auth_egress::{AddressPolicy, Bounds, Http};

use tokio::time::timeout;

use url::Url;

use super::{EndUser, Login, LoginError, RequestCredentials};

use crate::{peer::subscriber, settings::WhoAmISettings, setup::SetupError};

use response::{AskError, Lookup, LookupError, UserField};

use cache::{CachedLookup, Key, LookupCache};

use call_slots::CallSlots;

const SIZE_BYTES: usize = 64 * 1024;
const TIMEOUT_S: u32 = 2;
const CACHE_S: u32 = 5;
/// How long a failure counts without another call. After that, the next request probes the app.
const FAILURE_TTL: SignedDuration = SignedDuration::from_secs(10);

/// Headers that belong to the connection, or that this module sets itself. They cannot be passed on.
const NOT_PASSED_ON: [HeaderName; 8] = [
    ACCEPT,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Asks the app. Concurrent requests with the same headers share one call.
pub(crate) struct WhoAmI {
    http: Http,
    clock: Arc<dyn Clock>,
    url: Url,
    bounds: Bounds,
    pass_on: Vec<HeaderName>,
    place: UserField,
    memory: LookupCache,
    places: CallSlots,
    failed_at: Mutex<Option<Timestamp>>,
}

impl WhoAmI {
    pub(crate) fn new(settings: &WhoAmISettings, http: &Http, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let timeout_s = settings.timeout_s.map_or(TIMEOUT_S, Into::into);
        let callable = AddressPolicy::AllowPrivate.check(&settings.url);
        callable.map_err(|error| SetupError::invalid("login.who_am_i.url", error.to_string()))?;
        Ok(Self {
            http: http.clone(),
            clock,
            url: settings.url.clone(),
            bounds: Bounds { timeout: Duration::from_secs(timeout_s.into()), size_bytes: SIZE_BYTES },
            pass_on: pass_on(settings.pass_on.as_deref())?,
            place: UserField::new(settings)?,
            memory: LookupCache::new(SignedDuration::from_secs(settings.cache_s.unwrap_or(CACHE_S).into())),
            places: CallSlots::new(),
            failed_at: Mutex::default(),
        })
    }

    /// The app's response to these headers, or a cached one.
    async fn lookup(&self, shown: HeaderMap, subscriber: Option<IpAddr>) -> Lookup {
        let key = cache::key(&shown);
        match self.memory.recall(&key, self.clock.now()).await {
            Ok(outcome) => outcome,
            Err(promise) => {
                let outcome = self.call_app(shown, &key, subscriber).await;
                let now = self.clock.now();
                self.record_lookup(&outcome, &key, subscriber, now);
                let tries = self.places.is_only_refused(subscriber);
                // No other task can have stored a response, because this one had the slot.
                let _ = promise.insert(CachedLookup::new(outcome.clone(), now, tries));
                outcome
            }
        }
    }

    /// Records the meaning of a response for the app and for the caller.
    fn record_lookup(&self, outcome: &Lookup, key: &Key, subscriber: Option<IpAddr>, now: Timestamp) {
        let failed = match outcome {
            Ok(_) | Err(LookupError::Refused(_)) => {
                self.places.record_outcome(key, subscriber, outcome.is_ok(), now);
                false
            }
            Err(LookupError::Unavailable(error)) if matches!(**error, AskError::TooManyAsks) => return, // there was no call
            Err(LookupError::Unavailable(_)) => true,
        };
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = failed.then_some(now);
    }

    async fn call_app(&self, mut headers: HeaderMap, key: &Key, subscriber: Option<IpAddr>) -> Lookup {
        let place = self.places.acquire(key, subscriber, self.clock.now());
        let _place = timeout(self.bounds.timeout, place).await.map_err(|_| AskError::TooManyAsks)?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.http.get(&self.url, headers, self.bounds).await.map_err(AskError::Call)?;
        response::read(&answer, &self.place)
    }

    /// The parts of a request that are passed to the app.
    fn forwarded_headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut shown = HeaderMap::new();
        for name in &self.pass_on {
            for value in headers.get_all(name) {
                shown.append(name, value.clone());
            }
        }
        shown
    }
}

#[async_trait]
impl Login for WhoAmI {
    async fn caller(&self, request: &RequestCredentials<'_>) -> Result<Option<EndUser>, LoginError> {
        let shown = self.forwarded_headers(request.headers);
        if shown.is_empty() {
            return Ok(None);
        }
        let sent_by_browser = is_sent_by_browser(&shown);
        // Time for a slot, for another caller's call, and for our own call if that caller disconnects.
        let outcome = timeout(self.bounds.timeout * 3, self.lookup(shown, subscriber(request.peer))).await;
        let reference_id = outcome.unwrap_or_else(|_| Err(AskError::TooLong.into()))?;
        Ok(Some(EndUser { reference_id, sent_by_browser }))
    }

    async fn reachable(&self) -> Result<(), LoginError> {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        match failed_at {
            Some(failed_at) if self.clock.now().duration_since(failed_at) < FAILURE_TTL => {
                Err(LoginError::Unavailable { problem: response::PROBLEM, source: None })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a browser sends the header automatically: cookies and HTTP authentication.
fn is_sent_by_browser(shown: &HeaderMap) -> bool {
    const ASKED_FOR: [&str; 4] = ["basic", "digest", "negotiate", "ntlm"];
    let is_asked_for = |value: &HeaderValue| {
        let scheme = value.to_str().unwrap_or_default().split(' ').next().unwrap_or_default();
        ASKED_FOR.iter().any(|name| scheme.eq_ignore_ascii_case(name))
    };
    shown.contains_key(COOKIE) || shown.get_all(AUTHORIZATION).iter().any(is_asked_for)
}

fn pass_on(names: Option<&[String]>) -> Result<Vec<HeaderName>, SetupError> {
    const KEY: &str = "login.who_am_i.pass_on";
    let Some(names) = names else { return Ok(vec![COOKIE, AUTHORIZATION]) };
    if names.is_empty() {
        return Err(SetupError::invalid(KEY, "list at least one header that identifies users, such as \"cookie\""));
    }
    let read = |name: &String| {
        let header: Option<HeaderName> = name.parse().ok();
        header
            .filter(|header| !NOT_PASSED_ON.contains(header))
            .ok_or_else(|| SetupError::invalid(KEY, format!("{name:?} is not a header that can be passed on")))
    };
    names.iter().map(read).collect()
}
