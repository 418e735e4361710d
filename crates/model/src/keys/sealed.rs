//! Encrypted values, as they are stored.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, UnboundKey};

use crate::keys::data_key::KeyMaterial;

/// An encrypted value as stored: version 2 (1 byte), data key number (4), nonce (12), ciphertext and tag.
/// Version 1 dates from before data keys; it contains no key number and means data key 1.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl Sealed {
    /// The number of the data key that encrypted the value; `None` if the version is unknown.
    #[must_use]
    pub fn data_key(&self) -> Option<u32> {
        self.split().map(|(number, _)| number)
    }

    /// The data key number, and the bytes after it.
    pub(crate) fn split(&self) -> Option<(u32, &[u8])> {
        match self.0.split_first()? {
            (&SEALED_VERSION_1, rest) => Some((FIRST_KEY_NUMBER, rest)),
            (&SEALED_VERSION_2, rest) => {
                rest.split_first_chunk().map(|(number, rest)| (u32::from_be_bytes(*number), rest))
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The value was not encrypted here, or it was changed, moved, or encrypted under another master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot decrypt a stored value: it was changed, or the master key is the wrong one")]
pub struct UnsealError;

/// The location that a sealed value is bound to: it can be decrypted only with the same context.
#[derive(Clone, Copy, Debug)]
pub struct SealContext<'a> {
    /// The environment that owns the value.
    pub dev_id: &'a str,
    /// The key of the row.
    pub row: &'a str,
    /// The name of the value within the row.
    pub column: &'static str,
}

impl SealContext<'_> {
    pub(crate) fn aad(&self) -> Aad<Vec<u8>> {
        let parts = [self.dev_id, self.row, self.column];
        Aad::from(parts.iter().flat_map(|part| part.len().to_be_bytes().into_iter().chain(part.bytes())).collect())
    }
}

pub(crate) const SEALED_VERSION_1: u8 = 1;
pub(crate) const SEALED_VERSION_2: u8 = 2;
/// The number of a data key before its first rotation. Values from before data keys were encrypted with it.
pub(super) const FIRST_KEY_NUMBER: u32 = 1;

#[expect(clippy::expect_used, reason = "lengths are constants")]
pub(crate) fn aead(material: &KeyMaterial) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &material[..]).expect("a key of 32 bytes fits"))
}
