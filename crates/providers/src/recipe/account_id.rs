//! The source of the account id.

use serde::Deserialize;

use crate::field::{Endpoint, FieldPath};

/// The source of the account id.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) enum AccountIdSource {
    /// A field of the token response.
    TokenAnswer(FieldPath),
    /// A URL that is called with the access token.
    Asked(Endpoint, FieldPath),
    /// A claim of the access token, a JWT. It came from the provider over TLS, so its signature need not be verified.
    Claim(FieldPath),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Option<Endpoint>,
    field: Option<FieldPath>,
    jwt_claim: Option<FieldPath>,
}

/// The table has too many or too few keys.
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
