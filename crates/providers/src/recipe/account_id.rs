//! Where a provider tells whose account it is.

use serde::Deserialize;

use crate::field::{Endpoint, FieldPath};

/// Where a provider tells whose account it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) enum AccountIdSource {
    /// In the token answer.
    TokenAnswer(FieldPath),
    /// At a URL that takes the access token.
    Asked(Endpoint, FieldPath),
    /// In the access token, which is a JWT. It came from the provider over TLS, so its signature proves nothing more.
    Claim(FieldPath),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Option<Endpoint>,
    field: Option<FieldPath>,
    jwt_claim: Option<FieldPath>,
}

/// The table says too much or too little.
#[derive(Debug, thiserror::Error)]
#[error("an identity is a `field`, a `url` with a `field`, or a `jwt_claim`")]
struct NoIdentity;

impl TryFrom<Written> for AccountIdSource {
    type Error = NoIdentity;

    fn try_from(written: Written) -> Result<Self, NoIdentity> {
        match (written.url, written.field, written.jwt_claim) {
            (None, Some(field), None) => Ok(Self::TokenAnswer(field)),
            (Some(url), Some(field), None) => Ok(Self::Asked(url, field)),
            (None, None, Some(claim)) => Ok(Self::Claim(claim)),
            _ => Err(NoIdentity),
        }
    }
}
