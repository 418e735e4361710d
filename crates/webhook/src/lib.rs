//! Signs and verifies webhook deliveries, without network access or a clock. A receiver can use this crate alone.
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
//! The signature header is `t=<unix seconds>,v1=<hex>`. The hex is the HMAC-SHA-256 of `t`, a full stop and the raw
//! body. Its key is the signing secret, not decoded. Verify before parsing, because reserialized JSON has other bytes.

pub use error::{MalformedHeader, VerifyError};
pub use sign::sign;
pub use verify::{DEFAULT_TOLERANCE, Verifier};

mod error;
mod header;
mod sign;
mod verify;

/// The header that every official client reads. A delivery has the same value in [`SIGNATURE_HEADER_NEW`].
pub const SIGNATURE_HEADER: &str = "terra-signature";

/// The newer name of the header. Read it first, and fall back to [`SIGNATURE_HEADER`].
pub const SIGNATURE_HEADER_NEW: &str = "x-terra-signature";
