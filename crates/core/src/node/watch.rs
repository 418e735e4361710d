//! Authenticates API callers in memory, without I/O, and reloads the directory when another node has changed it.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use terra_auth_model::{
    causes::Causes,
    developer::EnvironmentStatus,
    keys::{DataKey, UnwrapError},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::ApiKey;

use crate::{
    auth::Auth,
    node::directory::{AuthenticatedKey, Key, NotAuthenticated, Snapshot},
};

impl Auth {
    /// Returns the environment and the key of these credentials.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated`].
    pub fn authenticate(&self, dev_id: &str, key: &ApiKey) -> Result<AuthenticatedKey, NotAuthenticated> {
        self.directory().authenticate(dev_id, key, self.now())
    }

    /// Reads environments, keys, admin tokens and provider apps from the store again.
    ///
    /// # Errors
    ///
    /// The store failed; what was known stays in force.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let begun = self.directory().freshness.begin_read();
        self.forget_refused_rows();
        let (snapshot, data_keys) = self.store().read(ReadDirectory).await?;
        if let Err(error) = self.adopt_data_keys(&data_keys).await {
            tracing::error!(error = %error, "could not use the data keys of the store; restart this node with the new master key");
        }
        self.directory().replace(snapshot);
        self.directory().freshness.record(begun);
        Ok(())
    }

    /// Adopts the store's data keys. If they need another master key, this reads the master keys again, because a new
    /// one may be at the source of the old one.
    async fn adopt_data_keys(&self, keys: &[DataKey]) -> Result<(), UnwrapError> {
        let adopted = self.keys().adopt(keys);
        if !matches!(adopted, Err(UnwrapError::WrongMasterKey { .. })) {
            return adopted;
        }
        if let Err(error) = self.keys().reload_master_keys().await {
            tracing::warn!(error = %Causes(&*error), "could not reload the master keys");
        }
        self.keys().adopt(keys)
    }

    /// Reads the directory again if another node has changed it.
    ///
    /// # Errors
    ///
    /// The store failed; what was known stays in force.
    pub async fn reload_if_changed(&self) -> Result<(), StoreError> {
        let begun = self.directory().freshness.begin_read();
        let revision = self.store().read(ReadRevision {}).await?;
        if revision != self.directory().snapshot().revision {
            return self.reload().await;
        }
        self.directory().freshness.record(begun);
        Ok(())
    }
}

/// How often a node polls for changes by other nodes. Every node rejects a revoked key within a second.
const DIRECTORY_POLL_INTERVAL: Duration = Duration::from_millis(400);
/// How long one poll may take. An open but silent connection must not block the next poll.
const DIRECTORY_POLL_TIMEOUT: Duration = Duration::from_secs(1);
/// After how many polls the last use of keys and apps is stored.
const POLLS_PER_USE_RECORD: u32 = 150;
/// How long that may take: another node may have locked one of the rows.
const RECORD_USE_TIMEOUT: Duration = Duration::from_secs(10);

impl Auth {
    /// Polls for changes by other nodes, and stores which keys and apps are used, until `shutdown`. It also returns
    /// when the vault is reset, because values that this node encrypts after a reset can never be decrypted.
    pub async fn watch_for_changes(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        for turn in 0_u32.. {
            self.poll_once().await;
            if self.has_lost_keys() {
                return;
            }
            if turn % POLLS_PER_USE_RECORD == POLLS_PER_USE_RECORD - 1 {
                let auth = self.clone();
                tokio::spawn(async move { auth.record_use().await }); // it must not delay the next poll
            }
            tokio::select! {
                () = tokio::time::sleep(DIRECTORY_POLL_INTERVAL) => {}
                () = &mut shutdown => break,
            }
        }
        self.record_use().await;
    }

    async fn poll_once(&self) {
        match tokio::time::timeout(DIRECTORY_POLL_TIMEOUT, self.reload_if_changed()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %Causes(&error), "could not read the directory of keys"),
            Err(_) => tracing::warn!("could not read the directory of keys: the store does not respond"),
        }
    }
}

impl Auth {
    /// Returns whether the vault was reset while this node was running. Values that this node encrypts can then never
    /// be decrypted.
    #[must_use]
    pub fn has_lost_keys(&self) -> bool {
        self.keys().has_lost_keys()
    }

    async fn record_use(&self) {
        let record = async {
            self.record_key_use().await?;
            self.record_app_use().await
        };
        match tokio::time::timeout(RECORD_USE_TIMEOUT, record).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %Causes(&error), "could not record which keys are used"),
            Err(_) => tracing::warn!("could not record which keys are used: the store does not respond"),
        }
    }
}

struct ReadDirectory;

#[async_trait]
impl Unit for ReadDirectory {
    type Done = (Snapshot, Vec<DataKey>);
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        // The revision is read first. A change that is committed meanwhile is read again, and none is missed.
        let revision = tx.revision().await?;
        let developers = tx.developers().await?.into_iter();
        let there = developers.filter(|developer| developer.status != EnvironmentStatus::Deleting);
        let keys = tx.api_keys().await?.into_iter();
        let admins = tx.admin_tokens().await?.into_iter();
        tx.destinations().await?; // rejects rows without a valid MAC
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

unit!(ReadRevision() -> u64 = |tx| tx.revision());
