//! Opens the data keys of a store with the master key when a server starts, or creates the first ones.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    audit::AuditRecord,
    clock::Entropy,
    developer::Developer,
    keys::{
        data_key::{DataKey, KeyMaterial, MasterKeyId, Purpose},
        master_key::{MasterKey, MasterKeys},
        replace_lost,
        ring::{KeyRing, OpenVaultError},
        sealed::FIRST_KEY_NUMBER,
    },
    signing_secret,
    store::{Store, Tx, Unit},
    store_error::StoreError,
};

impl KeyRing {
    /// Opens the data keys of a store. A new store gets random keys. A store from before data keys continues
    /// with the keys that were derived from its master key: all its values stay valid, even if the master key
    /// changes later.
    ///
    /// # Errors
    ///
    /// See [`OpenVaultError`].
    pub async fn open_in(
        store: &Store,
        masters: MasterKeys,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Self, OpenVaultError> {
        let there = store.read(ReadStoreKeys).await?;
        let keys = if there.keys.is_empty() {
            store.run(InsertFirstKeys(there.first_keys(&masters, entropy, now)?)).await?
        } else {
            there.keys
        };
        if keys.iter().any(replace_lost::is_in_progress) {
            Err(OpenVaultError::ResetUnderWay)
        } else {
            Self::of(masters, &keys)
        }
    }
}

impl KeyRing {
    /// Whether a store has data keys: a server's store has, a gateway's store has not.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn is_in(store: &Store) -> Result<bool, StoreError> {
        Ok(!store.read(ReadStoreKeys).await?.keys.is_empty())
    }
}

/// The parts of a store that show whether a master key fits.
struct StoreKeys {
    keys: Vec<DataKey>,
    developers: Vec<Developer>,
    first_line: Option<AuditRecord>,
}

impl StoreKeys {
    fn first_keys(
        &self,
        masters: &MasterKeys,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<[DataKey; 2], OpenVaultError> {
        let is_new = self.developers.is_empty() && self.first_line.is_none();
        let keys = if is_new {
            [entropy.bytes(), entropy.bytes()].map(KeyMaterial::new)
        } else {
            let master = masters.all().find(|master| self.matches_master_key(master));
            KeyRing::derived(master.ok_or(OpenVaultError::ForeignStore)?)
        };
        let wrap = |purpose, key| masters.wrap(entropy, key, DataKey::new(purpose, FIRST_KEY_NUMBER, now, Some(now)));
        Ok([wrap(Purpose::Vault, &keys[0]), wrap(Purpose::MacKey, &keys[1])])
    }

    fn matches_master_key(&self, master: &MasterKey) -> bool {
        let keys = KeyRing::new(master);
        let opens = |it: &Developer| keys.open(signing_secret::seal_context(&it.dev_id), &it.signing_secret).is_ok();
        let fits = |line: &AuditRecord| line.has_valid_mac(&keys, &[0; 32]);
        self.developers.iter().any(opens) || self.first_line.iter().any(fits)
    }
}

impl DataKey {
    /// Creates a row for a key that is not wrapped yet.
    #[must_use]
    pub fn new(purpose: Purpose, number: u32, created_at: Timestamp, activated_at: Option<Timestamp>) -> Self {
        let (wrapped_by, wrapped) = (MasterKeyId([0; 8]), Vec::new());
        Self { purpose, number, wrapped_by, wrapped, created_at, activated_at, retired_at: None }
    }
}

struct ReadStoreKeys;

#[async_trait]
impl Unit for ReadStoreKeys {
    type Done = StoreKeys;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<StoreKeys, StoreError> {
        let keys = tx.data_keys().await?;
        if !keys.is_empty() {
            return Ok(StoreKeys { keys, developers: Vec::new(), first_line: None });
        }
        let first_line = tx.audit_records(0, 1).await?.pop();
        Ok(StoreKeys { keys, developers: tx.developers().await?, first_line })
    }
}

/// Adds the first keys unless another node has added them; returns the stored keys.
struct InsertFirstKeys([DataKey; 2]);

#[async_trait]
impl Unit for InsertFirstKeys {
    type Done = Vec<DataKey>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<DataKey>, StoreError> {
        tx.bump_revision().await?; // locks the revision row: key changes never run concurrently
        if tx.data_keys().await?.is_empty() {
            for key in &self.0 {
                tx.add_data_key(key).await?;
            }
        }
        tx.data_keys().await
    }
}
