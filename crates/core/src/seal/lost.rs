//! New keys where the old ones can never be opened again.

use jiff::Timestamp;

use super::{
    KeyRing,
    data_key::{DataKey, KeyMaterial, Purpose},
    found::{FIRST, OpenVaultError},
    master_key::MasterKeys,
};
use crate::{
    clock::Entropy,
    store::{Store, StoreError},
    vault::ReadDataKeys,
};

/// The keys of a store as they are once its vault is reset; nothing of it is written yet.
pub struct KeysInStead {
    /// Opens what can still be opened, and seals and marks with the new keys.
    pub ring: KeyRing,
    /// The rows that change: lost keys, and those in their place. None when a reset is only to be ended.
    pub rows: Vec<DataKey>,
}

/// Why nothing is to be replaced.
#[derive(Debug, thiserror::Error)]
pub enum LostKeysError {
    /// The master keys open every key of the store.
    #[error("the master key opens this store: nothing is lost")]
    NothingLost,
    /// No server has ever used the store.
    #[error("the store has no keys yet")]
    NoKeys,
    /// The keys that are left cannot be used.
    #[error(transparent)]
    Open(#[from] OpenVaultError),
    /// The store failed.
    #[error("could not read the keys of the store")]
    Store(#[from] StoreError),
}

/// A key that is lost, and what it sealed is not forgotten yet.
pub(super) fn is_under_way(key: &DataKey) -> bool {
    key.is_lost() && key.retired_at.is_none()
}

impl KeyRing {
    /// Draws keys for those that no master key opens; with `all` also for those that one does, unless a reset is to be ended.
    ///
    /// # Errors
    ///
    /// See [`LostKeysError`].
    pub async fn instead_of_lost(
        store: &Store,
        masters: MasterKeys,
        entropy: &dyn Entropy,
        now: Timestamp,
        all: bool,
    ) -> Result<KeysInStead, LostKeysError> {
        let keys = store.read(ReadDataKeys).await?;
        if keys.is_empty() {
            return Err(LostKeysError::NoKeys);
        }
        let goes_on = keys.iter().any(is_under_way);
        let is_lost = |key: &DataKey| key.is_lost() || (all && !goes_on) || masters.unwrap(key).is_err();
        let (lost, mut left): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_lost);
        let newest =
            |purpose| lost.iter().chain(&left).filter(|key| key.purpose == purpose).map(|key| key.number).max();
        let drawn =
            [Purpose::Marks, Purpose::Vault].into_iter().filter(|purpose| !has(&left, *purpose)).map(|purpose| {
                let row = DataKey::new(purpose, newest(purpose).unwrap_or(FIRST) + 1, now, Some(now));
                masters.wrap(entropy, &KeyMaterial::new(entropy.bytes()), row)
            });
        let drawn: Vec<_> = drawn.collect();
        let lost = lost.into_iter().filter(|key| !key.is_lost());
        let mut rows: Vec<_> = lost.map(|key| DataKey { wrapped: Vec::new(), ..key }).collect();
        if rows.is_empty() && !goes_on {
            return Err(LostKeysError::NothingLost);
        }
        left.extend(drawn.iter().cloned());
        rows.extend(drawn);
        Ok(KeysInStead { ring: Self::of(masters, &left)?, rows })
    }
}

/// Whether one of these keys is in force.
fn has(keys: &[DataKey], purpose: Purpose) -> bool {
    keys.iter().any(|key| key.purpose == purpose && key.activated_at.is_some() && key.retired_at.is_none())
}
