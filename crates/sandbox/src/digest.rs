//! Secrets that are only ever checked.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// SHA-256 of a secret. A plain hash is enough for what the sandbox draws: 256 random bits leave nothing to guess.
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

    /// Takes the same time for any `text` of one length.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        verify_slices_are_equal(&self.0, &Self::of(text).0).is_ok()
    }

    /// Whether `text` is this digest in unpadded base64url, as a PKCE challenge is. Takes the same time for any of one length.
    pub(crate) fn is_written(&self, text: &str) -> bool {
        verify_slices_are_equal(BASE64_URL_SAFE_NO_PAD.encode(self.0).as_bytes(), text.as_bytes()).is_ok()
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
