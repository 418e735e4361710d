//! The keys that an operator holds, and what they wrap.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce},
    hkdf::{HKDF_SHA256, Salt},
};
use zeroize::Zeroizing;

use super::{
    aead,
    data_key::{DataKey, KeyMaterial, Purpose},
};
use crate::clock::Entropy;

/// The key that wraps all others: 32 random bytes, held outside the store.
#[derive(Clone)]
pub struct MasterKey(pub Zeroizing<[u8; 32]>);

/// Tells one master key from another, and nothing else about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MasterKeyId(pub [u8; 8]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeyId({self})")
    }
}

/// The master key that wraps now, and those before it, which only unwrap.
#[derive(Clone)]
pub struct MasterKeys {
    current: MasterKey,
    previous: Vec<MasterKey>,
}

/// Reads the master keys again from where they came. It may take its time.
pub type MasterKeySource = Arc<dyn Fn() -> Result<MasterKeys, MasterKeySourceError> + Send + Sync>;

/// Why master keys could not be read again.
pub type MasterKeySourceError = Box<dyn std::error::Error + Send + Sync>;

/// Why a data key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// Its master key is not among those given.
    #[error("the master key is not the one of this store: its id would be {wanted}, and given was {given}")]
    WrongMasterKey {
        /// The master key that wrapped it.
        wanted: MasterKeyId,
        /// The ids of those that were given.
        given: String,
    },
    /// It was changed in the store.
    #[error("{0} key {1} of the store was changed")]
    Changed(Purpose, u32),
    /// It was forgotten, and this process began before.
    #[error("the vault was reset, and this server still has the keys from before")]
    Reset,
}

impl MasterKeys {
    /// A current key and the ones before it.
    #[must_use]
    pub const fn new(current: MasterKey, previous: Vec<MasterKey>) -> Self {
        Self { current, previous }
    }

    /// The key that wraps now.
    #[must_use]
    pub const fn current(&self) -> &MasterKey {
        &self.current
    }

    /// All keys, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// These keys, and after them those of `earlier` that are not among them.
    pub(super) fn with_previous(mut self, earlier: &Self) -> Self {
        let known: Vec<_> = self.all().map(MasterKey::id).collect();
        self.previous.extend(earlier.all().filter(|key| !known.contains(&key.id())).cloned());
        self
    }

    /// Wraps a data key with the current master key.
    pub(crate) fn wrap(&self, entropy: &dyn Entropy, key: &KeyMaterial, mut row: DataKey) -> DataKey {
        row.wrapped_by = self.current.id();
        row.wrapped = self.current.wrap(entropy, &aad(row.purpose, row.number, row.wrapped_by), key);
        row
    }

    /// Unwraps a data key with the master key that wrapped it.
    pub(crate) fn unwrap(&self, row: &DataKey) -> Result<KeyMaterial, UnwrapError> {
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
    /// Made from the key in one direction only.
    #[must_use]
    pub fn id(&self) -> MasterKeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&self.derive(b"terra-auth master key id v1")[..8]);
        MasterKeyId(id)
    }

    /// Nonce (12 bytes), ciphertext and tag.
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

    /// A key for one purpose.
    #[expect(clippy::expect_used, reason = "lengths are constants")]
    pub(super) fn derive(&self, purpose: &'static [u8]) -> KeyMaterial {
        let mut key = KeyMaterial::new([0; 32]);
        Salt::new(HKDF_SHA256, b"terra-auth")
            .extract(&self.0[..])
            .expand(&[purpose], HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key[..]))
            .expect("32 bytes can be derived");
        key
    }
}
