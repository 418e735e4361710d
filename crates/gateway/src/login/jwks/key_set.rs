use std::sync::Arc;

use jsonwebtoken::{Algorithm, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;

use super::fetch::FetchError;
use crate::login::jwt::Key;

const MAX_KEYS: usize = 64;

/// The usable keys of one document.
pub(super) struct KeySet(Vec<Arc<Key>>);

/// The reason why no key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// No key has this name.
    Unknown,
    /// No key of this name can be used with the algorithm. For a token without a key name: no key
    /// can.
    Unfit,
    /// The token names no key, and more than one can be used.
    Ambiguous,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Parses a document. Unknown kinds of keys are ignored, because an issuer may publish keys for
    /// other purposes.
    ///
    /// Source: RFC 7517, section 5.
    pub(super) fn read(json: &[u8]) -> Result<Self, FetchError> {
        let Document { keys } = serde_json::from_slice(json)?;
        if keys.len() > MAX_KEYS {
            return Err(FetchError::TooManyKeys);
        }
        let known = |key: Value| {
            let issuer = key.get("issuer").and_then(Value::as_str).map(str::to_owned); // a field of Entra ID
            let jwk = serde_json::from_value::<Jwk>(key).ok()?;
            Key::from_jwk(&jwk).map(|key| key.of_issuer(issuer.as_deref()))
        };
        Ok(Self(keys.into_iter().filter_map(known).map(Arc::new).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Finds the key of this name that can be used with `algorithm`. Without a name, finds the only
    /// one that can.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, NoKey> {
        let mut named = self.0.iter().filter(|key| kid.is_none() || key.id() == kid).peekable();
        if kid.is_some() && named.peek().is_none() {
            return Err(NoKey::Unknown);
        }
        let mut fitting = named.filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(_), Some(_)) => Err(NoKey::Ambiguous),
            (Some(key), None) => Ok(Arc::clone(key)),
            (None, _) => Err(NoKey::Unfit),
        }
    }
}
