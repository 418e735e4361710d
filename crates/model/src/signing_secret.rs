//! The secrets that sign an environment's events.

use terra_auth_types::{DevId, SigningSecret};

use crate::keys::sealed::SealContext;

/// The secrets that sign a delivery: one, or two during a rotation.
#[derive(Clone, Debug)]
pub struct SigningSecrets {
    /// Creates the first signature.
    pub first: SigningSecret,
    /// Creates the second signature.
    pub second: Option<SigningSecret>,
}

/// The context to which an environment's signing secrets are bound.
#[must_use]
pub fn seal_context(dev_id: &DevId) -> SealContext<'_> {
    SealContext { dev_id: dev_id.as_str(), row: "developer", column: "signing_secret" }
}
