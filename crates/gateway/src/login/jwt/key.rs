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

/// Verifies signatures of its own kind.
pub(crate) struct Key {
    id: Option<String>,
    /// The one issuer that it is for, if it says so.
    issuer: Option<String>,
    kind: Kind,
    /// The one algorithm it is for, if it says so.
    only: Option<Algorithm>,
    material: DecodingKey,
    /// The claims of tokens that were verified with this key, by the tokens' SHA-256: the same bytes need no second
    /// verification, only their claims must be checked again. Gone with the key.
    verified: Cache<[u8; 32], Arc<Claims>>,
}

/// How many tokens' claims are kept for a key.
const MAX_CACHED_TOKENS: usize = 10_000;

/// Claims of a longer token are not kept, so that all of them have room.
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

    /// A secret that the issuer and we share, as it is written.
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

    /// A published key; `None` if it is not for signatures, or of a kind that is not known. A secret that an issuer publishes
    /// is none any more, so it is left out too.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature)
            && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
        let only = common.key_algorithm.map(Algorithm::try_from).transpose().ok()?;
        let kind = Kind::of_jwk(&jwk.algorithm).filter(|_| signs)?;
        let material = DecodingKey::from_jwk(jwk).ok()?;
        Some(Self::new(common.key_id.clone(), kind, only, material))
    }

    /// The same, for tokens of this issuer only.
    pub(crate) fn of_issuer(self, issuer: Option<&str>) -> Self {
        Self { issuer: issuer.map(str::to_owned), ..self }
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The issuer's name for it.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether signatures of `algorithm` may be verified with it.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        Kind::of(algorithm) == Some(self.kind) && self.only.is_none_or(|only| only == algorithm)
    }

    /// Its length; meaningful for a secret.
    pub(super) fn len(&self) -> usize {
        self.material.try_get_as_bytes().map_or(0, <[u8]>::len)
    }

    /// The claims of a token that was signed with this key; the claims are not checked yet.
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
                ErrorKind::Json(_) => "the token's claims mean nothing here",
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
