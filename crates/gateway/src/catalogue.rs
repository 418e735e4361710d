//! The providers that end users may connect, with logos. The gateway fetches both from the upstream
//! and caches them.

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
/// The interval between refreshes of a stale list. A call with its retries takes less, so only one
/// runs at a time.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);
/// How long a caller waits for another caller's fetch while no list is cached.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Further integrations are ignored.
const MAX_INTEGRATIONS: usize = 512;

/// The providers that an environment offers. Cloning is cheap; all clones share the cache.
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

/// The providers at the time of one fetch.
pub(crate) struct Listing {
    pub(crate) integrations: Vec<ListedProvider>,
    pictures: HashMap<Provider, Arc<CachedLogo>>,
}

/// A provider, as returned to the app's pages.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ListedProvider {
    name: String,
    resource: String,
    /// A path on the gateway.
    logo_url: Option<String>,
    /// Omitted if the upstream does not state them.
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<DataTypes>,
}

impl Catalogue {
    pub(crate) fn new(client: Client, credentials: &Credentials, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let pictures = LogoCache::new(credentials, Arc::clone(&clock))?;
        Ok(Self(Arc::new(Inner { client, pictures, clock, kept: Mutex::default(), first: sync::Mutex::default() })))
    }

    /// Returns the offered providers. A list older than 5 minutes is refreshed in the background.
    /// If the refresh fails, the old list is used for up to 24 h.
    ///
    /// # Errors
    ///
    /// The upstream's error, if no list is cached.
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

    /// Returns the logo of an offered provider; `None` if there is none or it cannot be fetched.
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
                tracing::warn!(error = %Causes(&error), "could not refresh the list of integrations; the cached list stays in use");
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

/// The absolute difference, so a clock that was set back does not extend a cache entry.
fn since(then: Timestamp, now: Timestamp) -> SignedDuration {
    now.duration_since(then).abs()
}

impl Listing {
    /// Cached logos whose URL is unchanged are taken from the previous listing.
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

/// The logo URL of an integration, if it has one.
fn slot(integration: &Integration) -> Option<(Provider, CachedLogo)> {
    let provider = integration.resource.parse().ok()?;
    Some((provider, CachedLogo::new(integration.logo_url.as_ref()?.parse().ok()?)))
}
