use std::sync::Arc;

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};

use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use super::claims::Claims;
use crate::login::LoginError;

/// A key that verifies signatures of one kind.
pub(crate) struct Key {
    id: Option<String>,
    /// The only issuer whose tokens the key may verify, if the published key names one.
    issuer: Option<String>,
    kind: Kind,
    /// The only algorithm the key may be used with, if the published key names one.
    only: Option<Algorithm>,
    material: DecodingKey,
    /// The claims of tokens that were verified with this key, by the SHA-256 of the token. The signature of the same
    /// bytes is not verified again; only the claims are checked again. The cache is dropped with the key.
    verified: Cache<[u8; 32], Arc<Claims>>,
}

/// The maximum number of tokens whose claims are cached for each key.
const MAX_CACHED_TOKENS: usize = 10_000;

/// The claims of longer tokens are not cached, which bounds the memory of the cache.
const MAX_KEPT_BYTES: usize = 8 * 1024;

/// The type of a key, which decides the algorithms it can be used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    fn new(id: Option<String>, kind: Kind, only: Option<Algorithm>, material: DecodingKey) -> Self {
        Self { id, issuer: None, kind, only, material, verified: Cache::new(MAX_CACHED_TOKENS) }
    }

    /// Creates a key from a secret shared with the issuer. The bytes are used unchanged.
    pub(super) fn secret(bytes: &[u8]) -> Self {
        Self::new(None, Kind::Secret, None, DecodingKey::from_secret(bytes))
    }

    /// Reads a public key; `None` for anything else, private keys and certificates among them.
    pub(super) fn from_pem(pem: &[u8]) -> Option<Self> {
        let is_public = pem.trim_ascii_start().starts_with(b"-----BEGIN PUBLIC KEY-----")
            || pem.trim_ascii_start().starts_with(b"-----BEGIN RSA PUBLIC KEY-----");
        let readers = [DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem, DecodingKey::from_ed_pem];
        let material = readers.iter().filter(|_| is_public).find_map(|read| read(pem).ok())?;
        let kind = match (material.family().algorithms().first()?, material.try_get_as_bytes().ok()?.len()) {
            (Algorithm::RS256, _) => Kind::Rsa,
            (Algorithm::ES256, 65) => Kind::P256,
            (Algorithm::ES256, 97) => Kind::P384,
            (Algorithm::EdDSA, 32) => Kind::Ed25519,
            _ => return None,
        };
        Some(Self::new(None, kind, None, material))
    }

    /// Reads a published key; `None` if it is not for signatures, or its kind is unknown. A symmetric key is ignored
    /// too: once published, it is no longer secret.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let only = common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
        let kind = Kind::of_jwk(&jwk.algorithm).filter(|_| signs)?;
        let material = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self::new(common.key_id.clone(), kind, only, material))
    }

    /// Restricts the key to tokens of this issuer.
    pub(crate) fn of_issuer(self, issuer: Option<&str>) -> Self {
        Self { issuer: issuer.map(str::to_owned), ..self }
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The key id (`kid`) that the issuer assigned.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the key may verify signatures of `algorithm`.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        Kind::of(algorithm) == Some(self.kind) && self.only.is_none_or(|only| only == algorithm)
    }

    /// The length in bytes; meaningful for a secret only.
    pub(super) fn len(&self) -> usize {
        self.material.try_get_as_bytes().map_or(0, <[u8]>::len)
    }

    /// Verifies the signature and returns the claims, which are not checked yet.
    pub(super) fn verify(&self, token: &str, algorithm: Algorithm) -> Result<Arc<Claims>, LoginError> {
        let digest = Sha256::digest(token).into();
        if let Some(claims) = self.verified.get(&digest) {
            return Ok(claims);
        }
        let claims = Arc::new(self.verify_signature(token, algorithm)?);
        if token.len() <= MAX_KEPT_BYTES {
            self.verified.insert(digest, Arc::clone(&claims));
        }
        Ok(claims)
    }

    fn verify_signature(&self, token: &str, algorithm: Algorithm) -> Result<Claims, LoginError> {
        let mut signature_only = Validation::new(algorithm);
        signature_only.required_spec_claims.clear();
        signature_only.validate_exp = false;
        signature_only.validate_aud = false;
        decode(token, &self.material, &signature_only).map(|verified| verified.claims).map_err(|error| {
            LoginError::Refused(match error.kind() {
                ErrorKind::Json(_) => "the token's claims are not valid",
                _ => "the token's signature is wrong",
            })
        })
    }
}

impl Kind {
    pub(super) fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Some(Self::Secret),
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Some(Self::Rsa),
            Algorithm::ES256 => Some(Self::P256),
            Algorithm::ES384 => Some(Self::P384),
            Algorithm::EdDSA => Some(Self::Ed25519),
            _ => None,
        }
    }

    fn of_jwk(parameters: &AlgorithmParameters) -> Option<Self> {
        match parameters {
            AlgorithmParameters::RSA(_) => Some(Self::Rsa),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Some(Self::P256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => Some(Self::P384),
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Some(Self::Ed25519),
            _ => None,
        }
    }
}
