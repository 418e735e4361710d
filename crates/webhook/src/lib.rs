//! Signs and verifies a webhook delivery; no network, no clock, so a receiver can use it alone.
//!
//! ```
//! use terra_auth_webhook::{Verifier, sign};
//!
//! let (secret, body, now) = ("test-secret-not-a-secret", br#"{"type":"auth"}"#, 1_893_456_000);
//! let header = sign(secret.as_bytes(), now, body);
//!
//! let verifier = Verifier::new([secret]);
//! assert!(verifier.verify(&header, body, now + 5).is_ok());
//! assert!(verifier.verify(&header, b"another body", now + 5).is_err());
//! ```
//!
//! The signature header reads `t=<unix seconds>,v1=<hex>`. The hex is HMAC-SHA-256, keyed with the signing secret as it
//! is written, over `t`, a full stop and the raw body. Verify before parsing: JSON written anew has other bytes.

pub use error::{MalformedHeader, VerifyError};
pub use sign::sign;
pub use verify::{DEFAULT_TOLERANCE, Verifier};

mod error;
mod header;
mod sign;
mod verify;

/// The header that every official client reads. A delivery carries the same value under [`SIGNATURE_HEADER_NEW`].
pub const SIGNATURE_HEADER: &str = "terra-signature";

/// The header's newer name. Look for it first; fall back to [`SIGNATURE_HEADER`].
pub const SIGNATURE_HEADER_NEW: &str = "x-terra-signature";
