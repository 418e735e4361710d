//! Who may call: checked in memory, so that a request's credentials cost no I/O.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{ApiKey, DevId};

use crate::{
    auth::Auth,
    developer::{ApiKeyRecord, Developer},
    digest::KeyDigest,
    store::{StoreError, Tx, Unit},
};

/// The credentials are not those of any environment. Which half is wrong is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the dev-id and x-api-key do not belong together; check that both come from the same environment")]
pub struct NotAuthenticated;

/// All developers and keys, as of the last change.
#[derive(Default)]
pub struct Directory(RwLock<Arc<Snapshot>>);

#[derive(Default)]
struct Snapshot {
    developers: HashMap<DevId, Arc<Developer>>,
    keys: HashMap<KeyDigest, ApiKeyRecord>,
}

impl Directory {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose credentials these are.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`], also for a key that has expired.
    pub fn authenticate(&self, dev_id: &str, key: &ApiKey, now: Timestamp) -> Result<Arc<Developer>, NotAuthenticated> {
        let snapshot = self.snapshot();
        let record = snapshot.keys.get(&KeyDigest::of(key)).ok_or(NotAuthenticated)?;
        let valid = record.dev_id.as_str() == dev_id && record.expires_at.is_none_or(|expires_at| now < expires_at);
        if !valid {
            return Err(NotAuthenticated);
        }
        snapshot.developers.get(&record.dev_id).cloned().ok_or(NotAuthenticated)
    }

    /// One developer.
    #[must_use]
    pub fn developer(&self, dev_id: &DevId) -> Option<Arc<Developer>> {
        self.snapshot().developers.get(dev_id).cloned()
    }
}

impl Auth {
    /// Whose credentials these are.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`].
    pub fn authenticate(&self, dev_id: &str, key: &ApiKey) -> Result<Arc<Developer>, NotAuthenticated> {
        self.directory.authenticate(dev_id, key, self.now())
    }

    /// Reads developers and keys from the store again.
    ///
    /// # Errors
    ///
    /// The store failed; what was known stays in force.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let snapshot = self.store.read(ReadDirectory).await?;
        *self.directory.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
        Ok(())
    }
}

struct ReadDirectory;

#[async_trait]
impl Unit for ReadDirectory {
    type Done = Snapshot;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Snapshot, StoreError> {
        let developers = tx.developers().await?.into_iter();
        let keys = tx.api_keys().await?.into_iter();
        Ok(Snapshot {
            developers: developers.map(|developer| (developer.dev_id.clone(), Arc::new(developer))).collect(),
            keys: keys.map(|key| (key.digest, key)).collect(),
        })
    }
}
