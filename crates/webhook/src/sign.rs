use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A secret made ready: hashing starts from a copy of this. It prints nothing and is wiped when dropped.
pub(crate) type KeyedMac = Hmac<Sha256>;

/// An HMAC-SHA-256 code.
pub(crate) type Code = [u8; 32];

/// Signs a delivery: returns the header's value, exactly `t=<timestamp>,v1=<64 lower-case hex digits>`.
///
/// This is the one form that every official client accepts: two elements, in this order, no spaces. `timestamp` is in
/// seconds since 1970, UTC. Sign every attempt afresh: a receiver refuses a timestamp older than its tolerance.
///
/// Source: HMAC-SHA-256 is RFC 2104 over RFC 6234; the header's layout is in `docs/compatibility.md`.
#[must_use]
pub fn sign(secret: &[u8], timestamp: i64, body: &[u8]) -> String {
    let t = timestamp.to_string();
    let code = authenticate(keyed(secret), &t, body);
    format!("t={t},v1={}", hex::encode(code))
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
pub(crate) fn keyed(secret: &[u8]) -> KeyedMac {
    KeyedMac::new_from_slice(secret).expect("a key of any length")
}

/// The code over `t`, a full stop and the body, read where they lie.
pub(crate) fn authenticate(mut mac: KeyedMac, t: &str, body: &[u8]) -> Code {
    mac.update(t.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().into()
}
