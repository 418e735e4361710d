//! This node's copy of environments, keys, admin tokens and provider apps; authenticates callers without I/O.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use terra_auth_model::{
    admin_token::AdminTokenRecord,
    api_key::ApiKeyRecord,
    clock::SteadyClock,
    developer::{Developer, EnvironmentStatus},
    digest::KeyDigest,
    provider_app::ProviderApp,
};
use terra_auth_types::{ApiKey, DevId, KeyId, Provider};

use crate::node::{freshness::Freshness, unknown_callers::UnknownCallerThrottle};

/// Why a caller is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    /// The credentials do not belong to any environment. The error does not say which half is wrong.
    #[error("the dev-id and x-api-key do not belong together; check that both come from the same environment")]
    Mismatch,
    /// The credentials are valid, but the environment is disabled.
    #[error("this environment is disabled; ask its operator to enable it")]
    Disabled,
    /// This node has not read the store recently, so another node may have revoked the credentials.
    #[error("this node cannot tell which credentials are valid at the moment; try again")]
    Stale,
}

/// An authenticated caller: an environment, and the API key of the call.
#[derive(Clone, Debug)]
pub struct AuthenticatedKey {
    /// The environment.
    pub developer: Arc<Developer>,
    /// The key, with its scopes.
    pub key: Arc<ApiKeyRecord>,
}

/// All environments, keys, admin tokens and provider apps, as of the last read.
#[derive(Default)]
pub struct Directory {
    snapshot: ArcSwap<Snapshot>,
    /// Locked by a writer while it compares and replaces the snapshot.
    replacing: Mutex<()>,
    pub(crate) refusals: UnknownCallerThrottle,
    used_apps: Mutex<HashMap<(DevId, Provider), Timestamp>>,
    pub(crate) freshness: Freshness,
}

#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) revision: u64,
    pub(crate) developers: HashMap<DevId, Arc<Developer>>,
    pub(crate) keys: HashMap<KeyDigest, Key>,
    pub(crate) admins: HashMap<KeyDigest, AdminTokenRecord>,
    pub(crate) apps: HashMap<(DevId, Provider), Arc<ProviderApp>>,
}

pub(crate) struct Key {
    record: Arc<ApiKeyRecord>,
    /// Unix milliseconds, give or take [`LAST_USE_PRECISION_MS`]; 0 for never.
    used_ms: AtomicI64,
    /// The last use that is stored, in Unix milliseconds.
    stored_ms: AtomicI64,
}

/// The precision of a key's last use, in milliseconds.
const LAST_USE_PRECISION_MS: i64 = 60_000;

impl Key {
    pub(crate) fn new(record: ApiKeyRecord) -> Self {
        let used_ms = record.last_used_at.map_or(0, Timestamp::as_millisecond);
        Self { record: Arc::new(record), used_ms: AtomicI64::new(used_ms), stored_ms: AtomicI64::new(used_ms) }
    }

    fn touch(&self, now: Timestamp) {
        let now_ms = now.as_millisecond();
        if now_ms - self.used_ms.load(Ordering::Relaxed) >= LAST_USE_PRECISION_MS {
            self.used_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }
}

impl Directory {
    /// Creates a directory that rejects callers once it is older than
    /// [`MAX_DIRECTORY_AGE`](crate::node::freshness::MAX_DIRECTORY_AGE), for a store that other processes change too.
    /// [`Auth::watch_for_changes`](crate::Auth::watch_for_changes) keeps it fresh. The default directory has no limit.
    #[must_use]
    pub fn with_age_limit(clock: Arc<dyn SteadyClock>) -> Self {
        Self { freshness: Freshness::with_clock(clock), ..Self::default() }
    }

    /// Checks that the directory was read recently.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated::Stale`].
    pub fn check_fresh(&self) -> Result<(), NotAuthenticated> {
        if self.freshness.is_stale() { Err(NotAuthenticated::Stale) } else { Ok(()) }
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Returns the environment and the key of these credentials.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`], also for a key that has expired.
    pub fn authenticate(
        &self,
        dev_id: &str,
        key: &ApiKey,
        now: Timestamp,
    ) -> Result<AuthenticatedKey, NotAuthenticated> {
        self.check_fresh()?;
        let snapshot = self.snapshot();
        let key = snapshot.keys.get(&KeyDigest::of(key)).ok_or(NotAuthenticated::Mismatch)?;
        if key.record.dev_id.as_str() != dev_id || !key.record.is_valid(now) {
            return Err(NotAuthenticated::Mismatch);
        }
        let developer = snapshot.developers.get(&key.record.dev_id).ok_or(NotAuthenticated::Mismatch)?;
        if developer.status != EnvironmentStatus::Active {
            return Err(NotAuthenticated::Disabled);
        }
        key.touch(now);
        Ok(AuthenticatedKey { developer: Arc::clone(developer), key: Arc::clone(&key.record) })
    }

    /// Returns one environment, disabled or not.
    #[must_use]
    pub fn developer(&self, dev_id: &DevId) -> Option<Arc<Developer>> {
        self.snapshot().developers.get(dev_id).cloned()
    }

    pub(crate) fn admin_token(&self, digest: &KeyDigest) -> Option<AdminTokenRecord> {
        self.snapshot().admins.get(digest).cloned()
    }

    /// Returns when a key was last used, as far as this node knows.
    pub(crate) fn last_used(&self, key_id: KeyId) -> Option<Timestamp> {
        let snapshot = self.snapshot();
        let key = snapshot.keys.values().find(|key| key.record.key_id == key_id)?;
        Timestamp::from_millisecond(key.used_ms.load(Ordering::Relaxed)).ok().filter(|used| used.as_millisecond() > 0)
    }

    /// Returns the keys whose last use is not stored yet, and marks it as stored.
    pub(crate) fn take_used(&self) -> Vec<(KeyId, Timestamp)> {
        let snapshot = self.snapshot();
        let taken = snapshot.keys.values().filter_map(|key| {
            let used_ms = key.used_ms.load(Ordering::Relaxed);
            let before = key.stored_ms.swap(used_ms, Ordering::Relaxed);
            let used = Timestamp::from_millisecond(used_ms).ok()?;
            (used_ms > before).then_some((key.record.key_id, used))
        });
        taken.collect()
    }

    pub(crate) fn provider_app(&self, dev_id: &DevId, provider: &Provider) -> Option<Arc<ProviderApp>> {
        self.snapshot().apps.get(&(dev_id.clone(), provider.clone())).cloned()
    }

    /// Returns the providers at which an environment has its own app.
    pub(crate) fn providers_with_app(&self) -> HashSet<Provider> {
        self.snapshot().apps.keys().map(|(_, provider)| provider.clone()).collect()
    }

    pub(crate) fn app_used(&self, dev_id: &DevId, provider: &Provider, now: Timestamp) {
        let mut used = self.used_apps.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert((dev_id.clone(), provider.clone()), now);
    }

    /// Returns the apps whose last use is not stored yet, and marks it as stored.
    pub(crate) fn take_used_apps(&self) -> Vec<(DevId, Provider, Timestamp)> {
        let mut used = self.used_apps.lock().unwrap_or_else(PoisonError::into_inner);
        used.drain().map(|((dev_id, provider), used_at)| (dev_id, provider, used_at)).collect()
    }

    pub(crate) fn replace(&self, mut snapshot: Snapshot) {
        let _one_writer = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.snapshot.load();
        if snapshot.revision < current.revision {
            return; // another reader has stored a newer snapshot
        }
        for (digest, key) in &mut snapshot.keys {
            if let Some(known) = current.keys.get(digest) {
                key.used_ms.fetch_max(known.used_ms.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        self.snapshot.store(Arc::new(snapshot));
    }
}
