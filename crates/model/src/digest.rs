//! Digests of values that are only compared.

use aws_lc_rs::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;
use terra_auth_types::ApiKey;

/// SHA-256 of an API key. A plain hash is enough: a key is 256 random bits, so there is nothing to guess.
#[derive(Clone, Copy, Debug, Eq, Hash)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "both compare the same bytes, one of them in constant time")]
pub struct KeyDigest(pub [u8; 32]);

impl KeyDigest {
    /// The digest of a key.
    #[must_use]
    pub fn of(key: &ApiKey) -> Self {
        Self(sha256(key.expose().as_bytes()))
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into() // takes the same time for any input
    }
}

/// SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}
