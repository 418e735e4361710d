use std::time::Duration;

use subtle::{Choice, ConstantTimeEq};

use crate::error::VerifyError;
use crate::header::SignatureHeader;
use crate::sign::{KeyedMac, authenticate, keyed};

/// How far `t` and `now` may lie apart unless told otherwise, as in the official clients: five minutes.
pub const DEFAULT_TOLERANCE: Duration = Duration::from_mins(5);

/// Verifies deliveries against one signing secret, or several while one is being replaced. Make it once and keep it.
#[derive(Clone, Debug)]
pub struct Verifier {
    macs: Vec<KeyedMac>,
    tolerance: Duration,
}

impl Verifier {
    /// A verifier that believes each of `secrets`, as they are written and not decoded.
    ///
    /// An empty secret is left out, because anybody can sign with it; a verifier without secrets refuses everything.
    pub fn new<S: AsRef<[u8]>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let macs = secrets
            .into_iter()
            .filter(|secret| !secret.as_ref().is_empty())
            .map(|secret| keyed(secret.as_ref()))
            .collect();
        Self { macs, tolerance: DEFAULT_TOLERANCE }
    }

    /// The same verifier with another tolerance, in whole seconds, either way.
    #[must_use]
    pub fn with_tolerance(self, tolerance: Duration) -> Self {
        Self { tolerance, ..self }
    }

    /// Verifies the signature header of a delivery against its raw body; returns when it was signed, the header's `t`.
    ///
    /// `now` and the header's `t` (seconds since 1970, UTC) may differ by the tolerance, either way. Several `v1` signatures
    /// may be present while a secret is being replaced; one that fits is enough. The comparison takes the same time for any
    /// input. The body is read once for each secret and never copied.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] tells a malformed header, a missing or wrong signature, and a wrong time apart, in this order: the
    /// time is judged only when the signature fits. Answer 401 to all of them.
    ///
    /// Source: HMAC-SHA-256 is RFC 2104 over RFC 6234; the header's layout is in `docs/compatibility.md`.
    pub fn verify(&self, header: impl AsRef<[u8]>, body: &[u8], now: i64) -> Result<i64, VerifyError> {
        let header = SignatureHeader::parse(header.as_ref())?;
        if header.codes.is_empty() {
            return Err(VerifyError::NoSignature);
        }
        if !self.any_fits(&header, body) {
            return Err(VerifyError::NoMatch);
        }
        self.check_time(header.signed_at, now).map(|()| header.signed_at)
    }

    /// Checks what can be checked of a signature header before the body has come: that it is well-formed, has a signature, and
    /// was made within the tolerance of `now`. It shows nothing about who made it.
    ///
    /// # Errors
    ///
    /// [`VerifyError`], as [`Verifier::verify`], but for a wrong signature.
    pub fn precheck(&self, header: impl AsRef<[u8]>, now: i64) -> Result<(), VerifyError> {
        let header = SignatureHeader::parse(header.as_ref())?;
        if header.codes.is_empty() {
            return Err(VerifyError::NoSignature);
        }
        self.check_time(header.signed_at, now)
    }

    /// Compares every signature with every secret, whichever fits, so that the time tells nothing.
    fn any_fits(&self, header: &SignatureHeader<'_>, body: &[u8]) -> bool {
        let mut fits = Choice::from(0);
        for mac in &self.macs {
            let expected = authenticate(mac.clone(), header.t, body);
            for code in &header.codes {
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
