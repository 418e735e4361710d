//! Who may call: checked in memory, so that a request's credentials cost no I/O.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{ApiKey, DevId, KeyId, Provider};

use crate::{
    admin::AdminTokenRecord,
    api_key::ApiKeyRecord,
    auth::Auth,
    causes::Causes,
    clock::SteadyClock,
    developer::{Developer, Standing},
    digest::KeyDigest,
    freshness::Freshness,
    provider_app::ProviderApp,
    seal::{DataKey, UnwrapError},
    store::{StoreError, Tx, Unit},
    stranger::Refusals,
};

/// Why a caller is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    /// The credentials are not those of any environment. Which half is wrong is not told.
    #[error("the dev-id and x-api-key do not belong together; check that both come from the same environment")]
    Mismatch,
    /// The credentials are right, and the environment takes no calls.
    #[error("this environment is disabled; ask its operator to enable it")]
    Disabled,
    /// This node has not read the store lately, so the credentials may have been revoked at another node.
    #[error("this node cannot tell which credentials are valid at the moment; try again")]
    Stale,
}

/// A caller with the credentials of an environment.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The environment.
    pub developer: Arc<Developer>,
    /// The key, which says what it may be used for.
    pub key: Arc<ApiKeyRecord>,
}

/// All developers, keys and admins, as of the last change.
#[derive(Default)]
pub struct Directory {
    snapshot: RwLock<Arc<Snapshot>>,
    pub(crate) refusals: Refusals,
    used_apps: Mutex<HashMap<(DevId, Provider), Timestamp>>,
    freshness: Freshness,
}

#[derive(Default)]
struct Snapshot {
    revision: u64,
    developers: HashMap<DevId, Arc<Developer>>,
    keys: HashMap<KeyDigest, Key>,
    admins: HashMap<KeyDigest, AdminTokenRecord>,
    apps: HashMap<(DevId, Provider), Arc<ProviderApp>>,
}

struct Key {
    record: Arc<ApiKeyRecord>,
    /// Unix milliseconds, give or take [`COARSE_MS`]; 0 for never.
    used_ms: AtomicI64,
    /// What of it is in the store.
    stored_ms: AtomicI64,
}

/// How exact a key's last use is known.
const COARSE_MS: i64 = 60_000;

impl Key {
    fn new(record: ApiKeyRecord) -> Self {
        let used_ms = record.last_used_at.map_or(0, Timestamp::as_millisecond);
        Self { record: Arc::new(record), used_ms: AtomicI64::new(used_ms), stored_ms: AtomicI64::new(used_ms) }
    }

    fn touch(&self, now: Timestamp) {
        let now_ms = now.as_millisecond();
        if now_ms - self.used_ms.load(Ordering::Relaxed) >= COARSE_MS {
            self.used_ms.fetch_max(now_ms, Ordering::Relaxed);
        }
    }
}

impl Directory {
    /// A directory that is not used once it is older than [`MAX_AGE`](crate::freshness::MAX_AGE), for a store that other
    /// processes change too. [`Auth::watch`] keeps it fresh. The default one has no such limit.
    #[must_use]
    pub fn with_age_limit(clock: Arc<dyn SteadyClock>) -> Self {
        Self { freshness: Freshness::by(clock), ..Self::default() }
    }

    /// Fails unless the directory was read lately.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated::Stale`].
    pub fn check_fresh(&self) -> Result<(), NotAuthenticated> {
        if self.freshness.is_stale() { Err(NotAuthenticated::Stale) } else { Ok(()) }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose credentials these are.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`], also for a key that has expired.
    pub fn authenticate(&self, dev_id: &str, key: &ApiKey, now: Timestamp) -> Result<Identity, NotAuthenticated> {
        self.check_fresh()?;
        let snapshot = self.snapshot();
        let key = snapshot.keys.get(&KeyDigest::of(key)).ok_or(NotAuthenticated::Mismatch)?;
        if key.record.dev_id.as_str() != dev_id || !key.record.works(now) {
            return Err(NotAuthenticated::Mismatch);
        }
        let developer = snapshot.developers.get(&key.record.dev_id).ok_or(NotAuthenticated::Mismatch)?;
        if developer.standing != Standing::Active {
            return Err(NotAuthenticated::Disabled);
        }
        key.touch(now);
        Ok(Identity { developer: Arc::clone(developer), key: Arc::clone(&key.record) })
    }

    /// One developer, disabled or not.
    #[must_use]
    pub fn developer(&self, dev_id: &DevId) -> Option<Arc<Developer>> {
        self.snapshot().developers.get(dev_id).cloned()
    }

    pub(crate) fn admin_token(&self, digest: &KeyDigest) -> Option<AdminTokenRecord> {
        self.snapshot().admins.get(digest).cloned()
    }

    /// When a key was last used, as far as this node knows.
    pub(crate) fn last_used(&self, key_id: KeyId) -> Option<Timestamp> {
        let snapshot = self.snapshot();
        let key = snapshot.keys.values().find(|key| key.record.key_id == key_id)?;
        Timestamp::from_millisecond(key.used_ms.load(Ordering::Relaxed)).ok().filter(|used| used.as_millisecond() > 0)
    }

    /// The keys whose last use is not in the store yet; they count as stored from now on.
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

    /// The providers at which some environment has an app of its own.
    pub(crate) fn providers_with_app(&self) -> HashSet<Provider> {
        self.snapshot().apps.keys().map(|(_, provider)| provider.clone()).collect()
    }

    pub(crate) fn app_used(&self, dev_id: &DevId, provider: &Provider, now: Timestamp) {
        let mut used = self.used_apps.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert((dev_id.clone(), provider.clone()), now);
    }

    /// The apps whose last use is not in the store yet; they count as stored from now on.
    pub(crate) fn take_used_apps(&self) -> Vec<(DevId, Provider, Timestamp)> {
        let mut used = self.used_apps.lock().unwrap_or_else(PoisonError::into_inner);
        used.drain().map(|((dev_id, provider), used_at)| (dev_id, provider, used_at)).collect()
    }

    fn replace(&self, mut snapshot: Snapshot) {
        let mut current = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
        if snapshot.revision < current.revision {
            return; // a slower reader has read less
        }
        for (digest, key) in &mut snapshot.keys {
            if let Some(known) = current.keys.get(digest) {
                key.used_ms.fetch_max(known.used_ms.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        *current = Arc::new(snapshot);
    }
}

impl Auth {
    /// Whose credentials these are.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`].
    pub fn authenticate(&self, dev_id: &str, key: &ApiKey) -> Result<Identity, NotAuthenticated> {
        self.directory.authenticate(dev_id, key, self.now())
    }

    /// Reads developers, keys and admins from the store again.
    ///
    /// # Errors
    ///
    /// The store failed; what was known stays in force.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let begun = self.directory.freshness.begin_read();
        self.forget_refused_rows();
        let (snapshot, data_keys) = self.store.read(ReadDirectory).await?;
        if let Err(error) = self.adopt(&data_keys).await {
            tracing::error!(error = %error, "cannot use the data keys of the store: start this node with the new master key");
        }
        self.directory.replace(snapshot);
        self.directory.freshness.record(begun);
        Ok(())
    }

    /// A new master key may be where the old one came from.
    async fn adopt(&self, keys: &[DataKey]) -> Result<(), UnwrapError> {
        let adopted = self.keys.adopt(keys);
        if !matches!(adopted, Err(UnwrapError::WrongMasterKey { .. })) {
            return adopted;
        }
        if let Err(error) = self.keys.read_masters_again().await {
            tracing::warn!(error = %Causes(&*error), "could not read the master keys again");
        }
        self.keys.adopt(keys)
    }

    /// Reads them again if another node has changed them.
    ///
    /// # Errors
    ///
    /// The store failed; what was known stays in force.
    pub async fn reload_if_changed(&self) -> Result<(), StoreError> {
        let begun = self.directory.freshness.begin_read();
        let revision = self.store.read(ReadRevision).await?;
        if revision != self.directory.snapshot().revision {
            return self.reload().await;
        }
        self.directory.freshness.record(begun);
        Ok(())
    }
}

/// How soon a change of another node is in force here; a revoked key is refused everywhere within a second.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// How long one look may take. A connection that is open but silent must not stop the next look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(1);

/// After how many looks the keys' last use is written down.
const RECORD_EVERY: u32 = 150;

/// How long that may take: another node may hold one of the rows.
const RECORD_TIMEOUT: Duration = Duration::from_secs(10);

impl Auth {
    /// Follows the changes of other nodes and writes down which keys are used, until `shutdown`; or until the vault is
    /// reset, as nobody can ever open what this node seals then.
    pub async fn watch(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        for turn in 0_u32.. {
            self.look().await;
            if self.has_lost_keys() {
                return;
            }
            if turn % RECORD_EVERY == RECORD_EVERY - 1 {
                let auth = self.clone();
                tokio::spawn(async move { auth.record_use().await }); // it must not hold up the next look
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = &mut shutdown => break,
            }
        }
        self.record_use().await;
    }

    async fn look(&self) {
        match tokio::time::timeout(LOOK_TIMEOUT, self.reload_if_changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %Causes(&error), "could not read the directory of keys"),
            Err(_) => tracing::warn!("could not read the directory of keys: the store does not answer"),
        }
    }
}

impl Auth {
    /// Whether the vault was reset under this node: nobody can ever open what it seals.
    #[must_use]
    pub fn has_lost_keys(&self) -> bool {
        self.keys.are_lost()
    }

    async fn record_use(&self) {
        let record = async {
            self.record_key_use().await?;
            self.record_app_use().await
        };
        match tokio::time::timeout(RECORD_TIMEOUT, record).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %Causes(&error), "could not record which keys are used"),
            Err(_) => tracing::warn!("could not record which keys are used: the store does not answer"),
        }
    }
}

struct ReadDirectory;

#[async_trait]
impl Unit for ReadDirectory {
    type Done = (Snapshot, Vec<DataKey>);
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        // Read first: what is committed meanwhile is read again, and nothing is missed.
        let revision = tx.revision().await?;
        let developers = tx.developers().await?.into_iter();
        let there = developers.filter(|developer| developer.standing != Standing::Deleting);
        let keys = tx.api_keys().await?.into_iter();
        let admins = tx.admin_tokens().await?.into_iter();
        let apps = tx.provider_apps().await?.into_iter();
        let snapshot = Snapshot {
            revision,
            developers: there.map(|developer| (developer.dev_id.clone(), Arc::new(developer))).collect(),
            keys: keys.map(|key| (key.digest, Key::new(key))).collect(),
            admins: admins.map(|token| (token.digest, token)).collect(),
            apps: apps.map(|app| ((app.dev_id.clone(), app.provider.clone()), Arc::new(app))).collect(),
        };
        Ok((snapshot, tx.data_keys().await?))
    }
}

struct ReadRevision;

#[async_trait]
impl Unit for ReadRevision {
    type Done = u64;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<u64, StoreError> {
        tx.revision().await
    }
}
