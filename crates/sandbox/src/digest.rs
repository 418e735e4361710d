//! Digests of secrets that are only verified.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// SHA-256 of a secret. A plain hash is enough, because the sandbox generates secrets of 256 random bits, which
/// cannot be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(digest)
    }

    /// Whether this is the digest of `text`. Takes constant time for texts of equal length.
    pub(crate) fn matches(&self, text: &str) -> bool {
        verify_slices_are_equal(&self.0, &Self::of(text).0).is_ok()
    }

    /// Whether `text` is this digest in unpadded base64url, the format of a PKCE challenge. Takes constant time for
    /// texts of equal length.
    pub(crate) fn matches_base64url(&self, text: &str) -> bool {
        verify_slices_are_equal(BASE64_URL_SAFE_NO_PAD.encode(self.0).as_bytes(), text.as_bytes()).is_ok()
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
