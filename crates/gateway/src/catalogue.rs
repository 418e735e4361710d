//! The providers that end users may connect, with logos. Only the gateway requests them, and rarely.

mod logo;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use serde::Serialize;

use terra_auth::{Client, Credentials, Integration};

use terra_auth_model::{causes::Causes, clock::Clock};

use terra_auth_egress::SetupError;

use terra_auth_types::{Provider, wire::DataTypes};

use tokio::{sync, time::timeout};

use crate::breaker::{Breaker, UpstreamError};

pub(crate) use logo::Logo;

use logo::{CachedLogo, LogoCache};

const FRESH_FOR: SignedDuration = SignedDuration::from_mins(5);
const USABLE_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How often a stale list is asked for again. Longer than a call with its repetitions takes, so there is one at a time.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// The longest that a caller waits for another one's answer while there is no list at all.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// More are left out.
const MAX_INTEGRATIONS: usize = 512;

/// The providers that an environment offers. Cloning is cheap and shares what is kept.
#[derive(Clone)]
pub(crate) struct Catalogue(Arc<Inner>);

struct Inner {
    client: Client,
    pictures: LogoCache,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<CachedListing>>,
    first: sync::Mutex<()>,
}

#[derive(Clone)]
struct CachedListing {
    listing: Arc<Listing>,
    fetched_at: Timestamp,
    asked_at: Timestamp,
}

/// The providers as of one moment.
pub(crate) struct Listing {
    pub(crate) integrations: Vec<ListedProvider>,
    pictures: HashMap<Provider, Arc<CachedLogo>>,
}

/// A provider, as the app's pages see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ListedProvider {
    name: String,
    resource: String,
    /// A path on the gateway.
    logo_url: Option<String>,
    /// Left out if the upstream does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<DataTypes>,
}

impl Catalogue {
    pub(crate) fn new(client: Client, credentials: &Credentials, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let pictures = LogoCache::new(credentials, Arc::clone(&clock))?;
        Ok(Self(Arc::new(Inner { client, pictures, clock, kept: Mutex::default(), first: sync::Mutex::default() })))
    }

    /// The offered providers. A list of more than 5 minutes is asked for again behind the caller's back, and is good for 24 h
    /// while that fails.
    ///
    /// # Errors
    ///
    /// The upstream's, if there is no list yet.
    pub(crate) async fn listing(&self, breaker: &Breaker) -> Result<Arc<Listing>, UpstreamError> {
        if let Some(listing) = self.usable(breaker) {
            return Ok(listing);
        }
        let turn = timeout(FETCH_TIMEOUT, self.0.first.lock()).await;
        let _one_at_a_time = turn.map_err(|_| UpstreamError::Paused { retry_after_s: 1 })?;
        match self.usable(breaker) {
            Some(listing) => Ok(listing),
            None => self.fetch(breaker).await,
        }
    }

    /// The picture of a provider that is offered; `None` if it cannot be had.
    pub(crate) async fn logo(&self, provider: &Provider, breaker: &Breaker) -> Option<Arc<Logo>> {
        let listing = self.listing(breaker).await.ok()?;
        self.0.pictures.of(listing.pictures.get(provider)?).await
    }

    fn usable(&self, breaker: &Breaker) -> Option<Arc<Listing>> {
        let now = self.0.clock.now();
        let mut kept = self.cached();
        let kept = kept.as_mut().filter(|kept| since(kept.fetched_at, now) < USABLE_FOR)?;
        if since(kept.fetched_at, now) >= FRESH_FOR && since(kept.asked_at, now) >= ASK_AGAIN_AFTER {
            kept.asked_at = now;
            self.refresh(breaker);
        }
        Some(Arc::clone(&kept.listing))
    }

    fn refresh(&self, breaker: &Breaker) {
        let (catalogue, breaker) = (self.clone(), breaker.clone());
        tokio::spawn(async move {
            if let Err(error) = catalogue.fetch(&breaker).await {
                tracing::warn!(error = %Causes(&error), "the list of integrations stays as it was");
            }
        });
    }

    async fn fetch(&self, breaker: &Breaker) -> Result<Arc<Listing>, UpstreamError> {
        let integrations = breaker.call(self.0.client.list_integrations()).await?;
        let now = self.0.clock.now();
        let mut kept = self.cached();
        let listing = Arc::new(Listing::new(integrations, kept.as_ref().map(|kept| &*kept.listing)));
        *kept = Some(CachedListing { listing: Arc::clone(&listing), fetched_at: now, asked_at: now });
        Ok(listing)
    }

    fn cached(&self) -> MutexGuard<'_, Option<CachedListing>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far apart they are, so that a clock that was set back makes nothing last.
fn since(then: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(then).abs()
}

impl Listing {
    /// Pictures whose address is still the same are taken over from the listing before.
    fn new(integrations: Vec<Integration>, before: Option<&Self>) -> Self {
        let offered = integrations.into_iter().filter(|integration| integration.enabled).take(MAX_INTEGRATIONS);
        let mut pictures = HashMap::new();
        let integrations = offered.map(|integration| {
            let named = slot(&integration);
            let logo_url = named.as_ref().map(|(provider, _)| format!("/api/terra/logos/{provider}"));
            pictures.extend(named.map(|(provider, slot)| {
                let same = before.and_then(|before| before.pictures.get(&provider)).filter(|old| old.url == slot.url);
                (provider, same.map_or_else(|| Arc::new(slot), Arc::clone))
            }));
            let Integration { name, resource, types, .. } = integration;
            ListedProvider {
                name,
                resource,
                logo_url,
                types: Some(types).filter(|types| *types != DataTypes::default()),
            }
        });
        Self { integrations: integrations.collect(), pictures }
    }
}

/// Where an integration's picture is, if it has one.
fn slot(integration: &Integration) -> Option<(Provider, CachedLogo)> {
    let provider = integration.resource.parse().ok()?;
    Some((provider, CachedLogo::new(integration.logo_url.as_ref()?.parse().ok()?)))
}
