//! Asks the app itself who is logged in, with the caller's own cookie or authorization.

mod answer;
mod kept;
mod places;
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
use terra_auth_core::clock::Clock;
use terra_auth_outbound::{AddressPolicy, Bounds, Http};
use tokio::time::timeout;
use url::Url;

use super::{Identity, Login, LoginError, Presented};
use crate::{peer::subscriber, settings::WhoAmISettings, setup::SetupError};
use answer::{AskError, Nobody, Outcome, Place};
use kept::{Kept, Key, Memory};
use places::Places;

const SIZE_BYTES: usize = 64 * 1024;
const TIMEOUT_S: u32 = 2;
const CACHE_S: u32 = 5;
/// A failure that nobody has repeated since says nothing any more; without this, nobody would be sent here to find out.
const FAILURE_COUNTS: SignedDuration = SignedDuration::from_secs(10);
/// The connection's own, or set by whoever asks.
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

/// Asks the app, once for all who show the same headers at a time.
pub(crate) struct WhoAmI {
    http: Http,
    clock: Arc<dyn Clock>,
    url: Url,
    bounds: Bounds,
    pass_on: Vec<HeaderName>,
    place: Place,
    memory: Memory,
    places: Places,
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
            place: Place::new(settings)?,
            memory: Memory::new(SignedDuration::from_secs(settings.cache_s.unwrap_or(CACHE_S).into())),
            places: Places::new(),
            failed_at: Mutex::default(),
        })
    }

    /// What the app says to these headers, or said a moment ago.
    async fn outcome(&self, shown: HeaderMap, subscriber: Option<IpAddr>) -> Outcome {
        let key = kept::key(&shown);
        match self.memory.recall(&key, self.clock.now()).await {
            Ok(outcome) => outcome,
            Err(promise) => {
                let outcome = self.ask(shown, &key, subscriber).await;
                let now = self.clock.now();
                self.settle(&outcome, &key, subscriber, now);
                let tries = self.places.is_only_refused(subscriber);
                // Nobody else can have kept an answer meanwhile: this one had promised it.
                let _ = promise.insert(Kept::new(outcome.clone(), now, tries));
                outcome
            }
        }
    }

    /// Remembers what an answer says about the app and about who asked for it.
    fn settle(&self, outcome: &Outcome, key: &Key, subscriber: Option<IpAddr>, now: Timestamp) {
        let failed = match outcome {
            Ok(_) | Err(Nobody::Refused(_)) => {
                self.places.settle(key, subscriber, outcome.is_ok(), now);
                false
            }
            Err(Nobody::Unavailable(error)) if matches!(**error, AskError::TooManyAsks) => return, // it was not asked
            Err(Nobody::Unavailable(_)) => true,
        };
        *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner) = failed.then_some(now);
    }

    async fn ask(&self, mut headers: HeaderMap, key: &Key, subscriber: Option<IpAddr>) -> Outcome {
        let place = self.places.enter(key, subscriber, self.clock.now());
        let _place = timeout(self.bounds.timeout, place).await.map_err(|_| AskError::TooManyAsks)?;
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = self.http.get(&self.url, headers, self.bounds).await.map_err(AskError::Call)?;
        answer::read(&answer, &self.place)
    }

    /// What of a request is shown to the app.
    fn shown(&self, headers: &HeaderMap) -> HeaderMap {
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
    async fn caller(&self, request: &Presented<'_>) -> Result<Option<Identity>, LoginError> {
        let shown = self.shown(request.headers);
        if shown.is_empty() {
            return Ok(None);
        }
        let ambient = is_ambient(&shown);
        // Time for a place, for somebody else's call, and for one of our own if that one hangs up.
        let outcome = timeout(self.bounds.timeout * 3, self.outcome(shown, subscriber(request.peer))).await;
        let reference_id = outcome.unwrap_or_else(|_| Err(AskError::TooLong.into()))?;
        Ok(Some(Identity { reference_id, ambient }))
    }

    async fn reachable(&self) -> Result<(), LoginError> {
        let failed_at = *self.failed_at.lock().unwrap_or_else(PoisonError::into_inner);
        match failed_at {
            Some(failed_at) if self.clock.now().duration_since(failed_at) < FAILURE_COUNTS => {
                Err(LoginError::Unavailable { problem: answer::PROBLEM, source: None })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a browser shows this by itself: cookies, and what it has asked its user for.
fn is_ambient(shown: &HeaderMap) -> bool {
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
        return Err(SetupError::invalid(KEY, "name at least one header that tells users apart, as \"cookie\""));
    }
    let read = |name: &String| {
        let header: Option<HeaderName> = name.parse().ok();
        header
            .filter(|header| !NOT_PASSED_ON.contains(header))
            .ok_or_else(|| SetupError::invalid(KEY, format!("{name:?} is no header that can be passed on")))
    };
    names.iter().map(read).collect()
}
