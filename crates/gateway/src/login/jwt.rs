//! `Authorization: Bearer` with a JSON Web Token.
//!
//! `jsonwebtoken` checks the signature; which keys and algorithms count, and what the claims must say, is decided here: by
//! our clock, and with algorithms that are pinned before any token is seen.
//!
//! Source: RFC 7519 (claims), RFC 7515 (signatures), RFC 8725 (what goes wrong).

mod claims;
mod issuer;
mod key;
mod pinned;
#[cfg(test)]
mod tests;

use std::{fs, path::Path, sync::Arc};

use async_trait::async_trait;
use http::{HeaderMap, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, decode_header};
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_core::clock::Clock;
use terra_auth_outbound::Http;

use super::{
    Identity, Login, LoginError, Presented,
    jwks::{Jwks, Place},
};
use crate::{settings::JwtSettings, setup::SetupError};
use claims::Expected;

pub(super) use issuer::Issuer;
pub(super) use key::Key;

/// The longest token that is read.
const MAX_BYTES: usize = 8 * 1024;

/// Checks a token's signature and claims.
pub(crate) struct Jwt {
    keys: Keys,
    algorithms: Vec<Algorithm>,
    expected: Expected,
    clock: Arc<dyn Clock>,
}

enum Keys {
    Own(Arc<Key>),
    Published(Jwks),
}

impl Jwt {
    pub(crate) fn new(
        settings: &JwtSettings,
        secret: Option<&SecretString>,
        http: &Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SetupError> {
        let issuer = Issuer::new(settings.issuer.clone());
        let published = |place| Keys::Published(Jwks::new(place, http.clone(), Arc::clone(&clock)));
        let keys = match (&settings.jwks_url, &settings.public_key_file, secret) {
            (Some(url), _, _) => published(Place::At(url.clone())),
            (None, Some(file), _) => Keys::Own(Arc::new(public_key(file)?)),
            (None, None, Some(secret)) => Keys::Own(Arc::new(Key::secret(secret.expose_secret().as_bytes()))),
            (None, None, None) => published(Place::DiscoveredBy(issuer.clone())),
        };
        let own = match &keys {
            Keys::Own(key) => Some(&**key),
            Keys::Published(_) => None,
        };
        let algorithms = pinned::algorithms(settings.algorithms.as_deref(), own)?;
        Ok(Self { algorithms, keys, expected: Expected::new(settings, issuer)?, clock })
    }

    async fn identity(&self, token: &str) -> Result<Identity, LoginError> {
        if token.len() > MAX_BYTES {
            return Err(LoginError::Refused("the token is too long"));
        }
        let header = decode_header(token).map_err(|_| LoginError::Refused("the token's header means nothing here"))?;
        if !self.algorithms.contains(&header.alg) {
            return Err(LoginError::Refused("the token's algorithm is not accepted"));
        }
        if header.crit.is_some() {
            return Err(LoginError::Refused("the token asks for an extension"));
        }
        let key = self.key(header.kid.as_deref(), header.alg).await?;
        let claims = key.verify(token, header.alg)?;
        let reference_id = self.expected.user(&claims, self.clock.now())?;
        Ok(Identity { reference_id, ambient: false })
    }

    async fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, LoginError> {
        match &self.keys {
            Keys::Own(key) => Ok(Arc::clone(key)), // the only one, whatever it is called
            Keys::Published(jwks) => jwks.find(kid, algorithm).await,
        }
    }
}

#[async_trait]
impl Login for Jwt {
    async fn caller(&self, request: &Presented<'_>) -> Result<Option<Identity>, LoginError> {
        match bearer(request.headers)? {
            Some(token) => self.identity(token).await.map(Some),
            None => Ok(None),
        }
    }

    async fn reachable(&self) -> Result<(), LoginError> {
        match &self.keys {
            Keys::Own(_) => Ok(()),
            Keys::Published(jwks) => jwks.reachable().await,
        }
    }
}

/// The JSON Web Token in the headers: three parts between dots. Anything else is for another way to log in.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, LoginError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let token = values.next().and_then(|value| value.to_str().ok()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let is_jwt = scheme.eq_ignore_ascii_case("bearer") && token.bytes().filter(|byte| *byte == b'.').count() == 2;
        is_jwt.then(|| token.trim())
    });
    if token.is_some() && values.next().is_some() {
        return Err(LoginError::Refused("there is more than one authorization"));
    }
    Ok(token)
}

fn public_key(file: &Path) -> Result<Key, SetupError> {
    let invalid = |problem: String| SetupError::invalid("login.jwt.public_key_file", problem);
    let pem = fs::read(file).map_err(|error| invalid(format!("could not read {}: {error}", file.display())))?;
    let problem = "holds no public key for RSA, P-256, P-384 or Ed25519 that begins with -----BEGIN PUBLIC KEY-----";
    Key::from_pem(&pem).ok_or_else(|| invalid(format!("{} {problem}", file.display())))
}
