//! Message authentication codes.

use aws_lc_rs::hmac;

/// A key for message authentication codes (HMAC-SHA-256).
#[derive(Clone)]
pub struct MacKey(pub(crate) hmac::Key);

impl MacKey {
    /// Computes HMAC-SHA-256 over all parts, each preceded by its length.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = hmac::Context::with_key(&self.0);
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        let mut code = [0; 32];
        code.copy_from_slice(mac.sign().as_ref());
        code
    }
}
