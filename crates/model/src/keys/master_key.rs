//! The master keys, which the operator stores outside the database, and the data keys that they wrap.

use std::sync::Arc;

use aws_lc_rs::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce},
    hkdf::{HKDF_SHA256, Salt},
};
use zeroize::Zeroizing;

use crate::{
    clock::Entropy,
    keys::{
        data_key::{DataKey, KeyMaterial, MasterKeyId, Purpose},
        sealed::aead,
    },
};

/// The key that wraps all data keys: 32 random bytes, stored outside the database.
#[derive(Clone)]
pub struct MasterKey(pub Zeroizing<[u8; 32]>);

/// The current master key, which wraps, and the previous ones, which only unwrap.
#[derive(Clone)]
pub struct MasterKeys {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

/// Reads the master keys again from their source. May block.
pub type MasterKeySource = Arc<dyn Fn() -> Result<MasterKeys, MasterKeySourceError> + Send + Sync>;

/// An error of a [`MasterKeySource`].
pub type MasterKeySourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a data key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// None of the given master keys wrapped it.
    #[error("wrong master key for this store: expected id {wanted}, got {given}")]
    WrongMasterKey {
        /// The master key that wrapped it.
        wanted: MasterKeyId,
        /// The ids of the given master keys, separated by commas.
        given: String,
    },
    /// Its row in the database was changed.
    #[error("the store's {0} key {1} was changed")]
    Changed(Purpose, u32),
    /// A vault reset discarded it after this process started.
    #[error("the vault was reset, and this server still uses the old keys")]
    Reset,
}

impl MasterKeys {
    /// Creates the set from the current key and the previous ones.
    #[must_use]
    pub const fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// The key that wraps.
    #[must_use]
    pub const fn current(&self) -> &MasterKey {
        &self.current
    }

    /// All keys, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Returns these keys, followed by the keys of `earlier` that are not among them.
    #[must_use]
    pub fn with_previous(mut self, earlier: &Self) -> Self {
        let known: Vec<_> = self.all().map(MasterKey::id).collect();
        self.previous.extend(earlier.all().filter(|key| !known.contains(&key.id())).cloned());
        self
    }

    /// Wraps a data key with the current master key.
    pub fn wrap(&self, entropy: &dyn Entropy, key: &KeyMaterial, mut row: DataKey) -> DataKey {
        row.wrapped_by = self.current.id();
        row.wrapped = self.current.wrap(entropy, &aad(row.purpose, row.number, row.wrapped_by), key);
        row
    }

    /// Unwraps a data key with the master key that wrapped it.
    pub fn unwrap(&self, row: &DataKey) -> Result<KeyMaterial, UnwrapError> {
        let Some(master) = self.all().find(|master| master.id() == row.wrapped_by) else {
            let given = self.all().map(|master| master.id().to_string()).collect::<Vec<_>>().join(", ");
            return Err(UnwrapError::WrongMasterKey { wanted: row.wrapped_by, given });
        };
        let key = master.unwrap(&aad(row.purpose, row.number, row.wrapped_by), &row.wrapped);
        key.ok_or(UnwrapError::Changed(row.purpose, row.number))
    }
}

fn aad(purpose: Purpose, number: u32, master: MasterKeyId) -> Vec<u8> {
    [purpose.as_str().as_bytes(), &number.to_be_bytes(), &master.0].concat()
}

impl MasterKey {
    /// Computes the id, from which the key cannot be derived.
    #[must_use]
    pub fn id(&self) -> MasterKeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.derive(b"terra-auth master key id v1")[..8]);
        MasterKeyId(id)
    }

    /// Wraps a key. Returns nonce (12 bytes), ciphertext and tag.
    #[expect(clippy::expect_used, reason = "32 bytes can be sealed")]
    fn wrap(&self, entropy: &dyn Entropy, aad: &[u8], key: &KeyMaterial) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = entropy.bytes();
        let mut wrapped = [&nonce[..], &key[..]].concat();
        let (_, text) = wrapped.split_at_mut(NONCE_LEN);
        let tag = self
            .wrapping_key()
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), text)
            .expect("the key can be wrapped");
        wrapped.extend_from_slice(tag.as_ref());
        wrapped
    }

    fn unwrap(&self, aad: &[u8], wrapped: &[u8]) -> Option<KeyMaterial> {
        let (nonce, text) = wrapped.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = Zeroizing::new(text.to_vec());
        let key = self.wrapping_key().open_in_place(nonce, Aad::from(aad), &mut text).ok()?;
        let mut material = KeyMaterial::new([0; 32]);
        (key.len() == material.len()).then(|| {
            material.copy_from_slice(key);
            material
        })
    }

    fn wrapping_key(&self) -> LessSafeKey {
        aead(&self.derive(b"terra-auth wrap v1"))
    }

    /// Derives a key for one purpose.
    #[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "lengths are constants")]
    #[must_use]
    pub fn derive(&self, purpose: &'static [u8]) -> KeyMaterial {
        let mut key = KeyMaterial::new([0; 32]);
        Salt::new(HKDF_SHA256, b"terra-auth")
            .extract(&self.0[..])
            .expand(&[purpose], HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key[..]))
            .expect("32 bytes can be derived");
        key
    }
}
