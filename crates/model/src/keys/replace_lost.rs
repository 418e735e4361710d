//! Replaces data keys that no available master key can unwrap.

use jiff::Timestamp;

use crate::{
    clock::Entropy,
    keys::{
        data_key::{DataKey, KeyMaterial, Purpose},
        master_key::MasterKeys,
        ring::{KeyRing, OpenVaultError},
        sealed::FIRST_KEY_NUMBER,
    },
    store::Store,
    store_error::StoreError,
    vault::ReadDataKeys,
};

/// The keys of a store as they will be after a vault reset. Nothing is written yet.
pub struct ReplacementKeys {
    /// Decrypts what can still be decrypted, and encrypts and computes MACs with the new keys.
    pub ring: KeyRing,
    /// The rows to write: the lost keys and their replacements. Empty if only an unfinished reset has to be
    /// completed.
    pub rows: Vec<DataKey>,
}

/// Why no key is replaced.
#[derive(Debug, thiserror::Error)]
pub enum LostKeysError {
    /// The master keys unwrap every key of the store.
    #[error("the master key unwraps every key of this store: nothing is lost")]
    NothingLost,
    /// No server has ever used the store.
    #[error("the store has no keys yet")]
    NoKeys,
    /// The remaining keys cannot be used.
    #[error(transparent)]
    Open(#[from] OpenVaultError),
    /// The store failed.
    #[error("could not read the keys of the store")]
    Store(#[from] StoreError),
}

/// Whether a key is lost and some of its values are not discarded yet.
pub(super) fn is_in_progress(key: &DataKey) -> bool {
    key.is_lost() && key.retired_at.is_none()
}

impl KeyRing {
    /// Generates replacements for the keys that no master key unwraps. With `all`, it replaces every key, unless an
    /// unfinished reset has to be completed.
    ///
    /// # Errors
    ///
    /// See [`LostKeysError`].
    pub async fn replace_lost_keys(
        store: &Store,
        masters: MasterKeys,
        entropy: &dyn Entropy,
        now: Timestamp,
        all: bool,
    ) -> Result<ReplacementKeys, LostKeysError> {
        let keys = store.read(ReadDataKeys {}).await?;
        if keys.is_empty() {
            return Err(LostKeysError::NoKeys);
        }
        let is_resumed = keys.iter().any(is_in_progress);
        let is_lost = |key: &DataKey| key.is_lost() || (all && !is_resumed) || masters.unwrap(key).is_err();
        let (lost, mut left): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_lost);
        let newest =
            |purpose| lost.iter().chain(&left).filter(|key| key.purpose == purpose).map(|key| key.number).max();
        let drawn =
            [Purpose::MacKey, Purpose::Vault].into_iter().filter(|purpose| !has(&left, *purpose)).map(|purpose| {
                let row = DataKey::new(purpose, newest(purpose).unwrap_or(FIRST_KEY_NUMBER) + 1, now, Some(now));
                masters.wrap(entropy, &KeyMaterial::new(entropy.bytes()), row)
            });
        let drawn: Vec<_> = drawn.collect();
        let lost = lost.into_iter().filter(|key| !key.is_lost());
        let mut rows: Vec<_> = lost.map(|key| DataKey { wrapped: Vec::new(), ..key }).collect();
        if rows.is_empty() && !is_resumed {
            return Err(LostKeysError::NothingLost);
        }
        left.extend(drawn.iter().cloned());
        rows.extend(drawn);
        Ok(ReplacementKeys { ring: Self::of(masters, &left)?, rows })
    }
}

/// Whether one of these keys is active for this purpose.
fn has(keys: &[DataKey], purpose: Purpose) -> bool {
    keys.iter().any(|key| key.purpose == purpose && key.activated_at.is_some() && key.retired_at.is_none())
}
