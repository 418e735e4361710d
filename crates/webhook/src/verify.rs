use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

use crate::error::VerifyError;
use crate::header::SignatureHeader;
use crate::sign::{KeyedMac, compute_mac, keyed_mac};

/// The default maximum difference between `t` and `now`, as in the official clients: five minutes.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);

/// Verifies deliveries with one signing secret, or with several during a rotation. Create it once and reuse it.
#[derive(Clone, Debug)]
pub struct Verifier {
    macs: Vec<KeyedMac>,
    tolerance: Duration,
}

impl Verifier {
    /// Creates a verifier that accepts signatures of each of `secrets`. The bytes of a secret are not decoded.
    ///
    /// An empty secret is ignored, because anyone can sign with it. A verifier without secrets rejects everything.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let macs = secrets
            .into_iter()
            .filter(|secret| !secret.as_ref().is_empty())
            .map(|secret| keyed_mac(secret.as_ref()))
            .collect();
        Self { macs, tolerance: DEFAULT_TOLERANCE }
    }

    /// Sets the tolerance, in full seconds in either direction.
    #[must_use]
    pub fn with_tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Verifies the signature header of a delivery against its raw body. Returns the time of signing, the header's `t`.
    ///
    /// `now` and the header's `t` (seconds since 1970, UTC) may differ by the tolerance, in either direction.
    /// During a rotation, the header may have several `v1` signatures; one match is enough. The comparison
    /// takes constant time. The body is read once for each secret and never copied.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] distinguishes a malformed header, a missing or wrong signature, and a wrong time. They
    /// are checked in this order: the time only after a signature matches. Respond with 401 to all of them.
    ///
    /// Source: HMAC-SHA-256 is RFC 2104 over RFC 6234; the header's layout is in `docs/compatibility.md`.
    pub fn verify(&self, header: impl AsRef<[u8]>, body: &[u8], now: i64) -> Result<i64, VerifyError> {
        let header = SignatureHeader::parse(header.as_ref())?;
        if header.signatures.is_empty() {
            return Err(VerifyError::NoSignature);
        }
        if !self.any_signature_matches(&header, body) {
            return Err(VerifyError::NoMatch);
        }
        self.check_time(header.signed_at, now).map(|()| header.signed_at)
    }

    /// Checks a signature header before the body is read: it must be well-formed, have a signature, and have a
    /// `t` within the tolerance of `now`. This does not authenticate the sender.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], like [`Verifier::verify`], except for a wrong signature.
    pub fn precheck(&self, header: impl AsRef<[u8]>, now: i64) -> Result<(), VerifyError> {
        let header = SignatureHeader::parse(header.as_ref())?;
        if header.signatures.is_empty() {
            return Err(VerifyError::NoSignature);
        }
        self.check_time(header.signed_at, now)
    }

    /// Compares every signature with every secret, even after a match, because the duration must not reveal the result.
    fn any_signature_matches(&self, header: &SignatureHeader<'_>, body: &[u8]) -> bool {
        let mut fits = Choice::from(0);
        for mac in &self.macs {
            let expected = compute_mac(mac.clone(), header.t, body);
            for code in &header.signatures {
                fits |= code.ct_eq(&expected);
            }
        }
        fits.into()
    }

    fn check_time(&self, signed_at: i64, now: i64) -> Result<(), VerifyError> {
        let apart = now.abs_diff(signed_at);
        if apart <= self.tolerance.as_secs() {
            Ok(())
        } else if signed_at < now {
            Err(VerifyError::Stale { age_s: apart })
        } else {
            Err(VerifyError::FromTheFuture { ahead_s: apart })
        }
    }
}
