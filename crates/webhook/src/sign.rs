use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// An HMAC initialized with a secret; each computation starts from a copy. Its `Debug` output does not contain the
/// secret, and it is zeroized when dropped.
pub(crate) type KeyedMac = Hmac<Sha256>;

/// An HMAC-SHA-256 output.
pub(crate) type MacBytes = [u8; 32];

/// Signs a delivery. Returns the header's value, exactly `t=<timestamp>,v1=<64 lower-case hex digits>`.
///
/// Every official client accepts this format and no other: two elements, in this order, without spaces.
/// `timestamp` is in seconds since 1970, UTC. Sign every attempt again, because receivers reject a timestamp
/// older than their tolerance.
///
/// Source: HMAC-SHA-256 is RFC 2104 over RFC 6234; the header's layout is in `docs/compatibility.md`.
#[must_use]
pub fn sign(secret: &[u8], timestamp: i64, body: &[u8]) -> String {
    let t = timestamp.to_string();
    let code = compute_mac(keyed_mac(secret), &t, body);
    format!("t={t},v1={}", hex::encode(code))
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(crate) fn keyed_mac(secret: &[u8]) -> KeyedMac {
    KeyedMac::new_from_slice(secret).expect("a key of any length")
}

/// Computes the HMAC of `t`, a full stop and the body, without copying them.
pub(crate) fn compute_mac(mut mac: KeyedMac, t: &str, body: &[u8]) -> MacBytes {
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}
