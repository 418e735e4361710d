//! The first thing a server does with its master key: it opens the data keys of its store, or makes the first ones.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{
    KeyRing,
    data_key::{DataKey, KeyMaterial, Purpose},
    lost,
    master_key::{MasterKey, MasterKeyId, MasterKeys, UnwrapError},
};
use crate::{
    audit::AuditRecord,
    clock::Entropy,
    developer::Developer,
    signing_secret,
    store::{Store, StoreError, Tx, Unit},
};

/// Why the keys of a store cannot be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenVaultError {
    /// The keys do not open with the master key.
    #[error(transparent)]
    Unwrap(#[from] UnwrapError),
    /// The store is from before data keys, and what it has was not made with the master key.
    #[error("the master key is not the one of this store: it opens nothing of what is there")]
    ForeignStore,
    /// The vault was being reset, and not to the end.
    #[error("a reset of this store's vault was cut off")]
    ResetUnderWay,
    /// A data key that every store has is not there.
    #[error("the store has no {0} key that can be used")]
    Missing(Purpose),
    /// The store failed.
    #[error("could not read the keys of the store")]
    Store(#[from] StoreError),
}

/// Data keys have this number until they are first rotated. Values from before data keys are sealed with it.
pub(super) const FIRST: u32 = 1;

impl KeyRing {
    /// Opens the data keys of a store. A new store gets random ones; one from before data keys goes on with the keys that
    /// it derived from its master key, so that all it has stays valid whatever master key comes next.
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
        let there = store.read(Look).await?;
        let keys = if there.keys.is_empty() {
            store.run(Found(there.first_keys(&masters, entropy, now)?)).await?
        } else {
            there.keys
        };
        if keys.iter().any(lost::is_under_way) { Err(OpenVaultError::ResetUnderWay) } else { Self::of(masters, &keys) }
    }
}

impl KeyRing {
    /// Whether a store has data keys: a server's has, a gateway's never.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn is_in(store: &Store) -> Result<bool, StoreError> {
        Ok(!store.read(Look).await?.keys.is_empty())
    }
}

/// What a store has that a master key must fit.
struct There {
    keys: Vec<DataKey>,
    developers: Vec<Developer>,
    first_line: Option<AuditRecord>,
}

impl There {
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
            let master = masters.all().find(|master| self.was_made_with(master));
            KeyRing::derived(master.ok_or(OpenVaultError::ForeignStore)?)
        };
        let wrap = |purpose, key| masters.wrap(entropy, key, DataKey::new(purpose, FIRST, now, Some(now)));
        Ok([wrap(Purpose::Vault, &keys[0]), wrap(Purpose::Marks, &keys[1])])
    }

    fn was_made_with(&self, master: &MasterKey) -> bool {
        let keys = KeyRing::new(master);
        let opens = |it: &Developer| keys.open(signing_secret::place(&it.dev_id), &it.signing_secret).is_ok();
        let fits = |line: &AuditRecord| line.is_marked(&keys, &[0; 32]);
        self.developers.iter().any(opens) || self.first_line.iter().any(fits)
    }
}

impl DataKey {
    /// A key that is still to be wrapped.
    pub(crate) fn new(purpose: Purpose, number: u32, created_at: Timestamp, activated_at: Option<Timestamp>) -> Self {
        let (wrapped_by, wrapped) = (MasterKeyId([0; 8]), Vec::new());
        Self { purpose, number, wrapped_by, wrapped, created_at, activated_at, retired_at: None }
    }
}

struct Look;

#[async_trait]
impl Unit for Look {
    type Done = There;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<There, StoreError> {
        let keys = tx.data_keys().await?;
        if !keys.is_empty() {
            return Ok(There { keys, developers: Vec::new(), first_line: None });
        }
        let first_line = tx.audit_records(0, 1).await?.pop();
        Ok(There { keys, developers: tx.developers().await?, first_line })
    }
}

/// Adds the first keys, unless another node was quicker; answers those that are there.
struct Found([DataKey; 2]);

#[async_trait]
impl Unit for Found {
    type Done = Vec<DataKey>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<DataKey>, StoreError> {
        tx.bump_revision().await?; // whoever changes keys holds the revision, so that two never do it at once
        if tx.data_keys().await?.is_empty() {
            for key in &self.0 {
                tx.add_data_key(key).await?;
            }
        }
        tx.data_keys().await
    }
}
