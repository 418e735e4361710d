use std::sync::Arc;

use jsonwebtoken::{Algorithm, jwk::Jwk};
use serde::Deserialize;
use serde_json::Value;

use super::fetch::FetchError;
use crate::login::jwt::Key;

const MAX_KEYS: usize = 64;

/// The keys of one document that can be used.
pub(super) struct KeySet(Vec<Arc<Key>>);

/// Why no key is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// No key has that name.
    Unknown,
    /// No key of that name, or without a name no key at all, can be used with that algorithm.
    Unfit,
    /// Without a name, more than one can.
    Ambiguous,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a document. Keys that mean nothing here are left out, so that an issuer may publish others beside ours.
    ///
    /// Source: RFC 7517, section 5.
    pub(super) fn read(json: &[u8]) -> Result<Self, FetchError> {
        let Document { keys } = serde_json::from_slice(json)?;
        if keys.len() > MAX_KEYS {
            return Err(FetchError::TooManyKeys);
        }
        let known = |key: Value| {
            let issuer = key.get("issuer").and_then(Value::as_str).map(str::to_owned); // as Entra ID says it
            let jwk = serde_json::from_value::<Jwk>(key).ok()?;
            Key::from_jwk(&jwk).map(|key| key.of_issuer(issuer.as_deref()))
        };
        Ok(Self(keys.into_iter().filter_map(known).map(Arc::new).collect()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of that name, or without a name the only one, that can be used with `algorithm`.
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
