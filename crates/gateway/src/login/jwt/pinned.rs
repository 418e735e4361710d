use jsonwebtoken::Algorithm;

use super::key::{Key, Kind};
use crate::setup::SetupError;

const KEY: &str = "login.jwt.algorithms";

/// The source of the configured keys. Without one, the keys come from the issuer.
pub(super) struct IssuerClaims<'a> {
    /// Public keys at a URL.
    pub(super) published: bool,
    /// A public key in a file.
    pub(super) file: Option<&'a Key>,
    pub(super) secret: Option<&'a Key>,
}

/// The accepted algorithms. They are fixed before any token is read, so a token cannot select that a public key is used as a
/// secret. Both kinds of algorithms can be accepted together, each with keys of its own kind.
pub(super) fn algorithms(names: Option<&[String]>, given: &IssuerClaims<'_>) -> Result<Vec<Algorithm>, SetupError> {
    let refused = |problem: &str| Err(SetupError::invalid(KEY, problem));
    let has_public = given.published || given.file.is_some();
    let wanted = match names {
        Some(names) => names.iter().map(|name| read(name)).collect::<Result<_, _>>()?,
        None if given.secret.is_some() && !has_public => vec![Algorithm::HS256],
        None => vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
    };
    let (secret, mut public): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|algorithm| is_of_secret(*algorithm));
    public.retain(|algorithm| given.file.is_none_or(|key| key.fits(*algorithm)));
    if public.is_empty() && (has_public || secret.is_empty()) {
        return refused("none of them can be verified with the public key");
    }
    match given.secret {
        None if !secret.is_empty() => {
            return refused("HS256, HS384 and HS512 need the secret in TERRA_AUTH_JWT_SECRET");
        }
        Some(_) if secret.is_empty() && !has_public => {
            return refused("none of them goes with the secret in TERRA_AUTH_JWT_SECRET; add HS256, or unset it");
        }
        Some(key) => check_length(key, &secret)?,
        None => {}
    }
    Ok([secret, public].concat())
}

fn is_of_secret(algorithm: Algorithm) -> bool {
    Kind::of(algorithm) == Some(Kind::Secret)
}

/// Rejects a short secret, because an attacker with a token can guess it offline.
///
/// Source: RFC 7518, section 3.2.
fn check_length(secret: &Key, algorithms: &[Algorithm]) -> Result<(), SetupError> {
    let needed = |algorithm: &Algorithm| match algorithm {
        Algorithm::HS512 => 64,
        Algorithm::HS384 => 48,
        _ => 32,
    };
    match algorithms.iter().find(|algorithm| secret.len() < needed(algorithm)) {
        Some(algorithm) => {
            let problem = format!("{algorithm:?} needs a secret of {} bytes or more", needed(algorithm));
            Err(SetupError::invalid(KEY, problem))
        }
        None => Ok(()),
    }
}

fn read(name: &str) -> Result<Algorithm, SetupError> {
    let algorithm: Option<Algorithm> = name.parse().ok();
    algorithm.filter(|algorithm| Kind::of(*algorithm).is_some()).ok_or_else(|| {
        let known = "RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512";
        SetupError::invalid(KEY, format!("{name:?} is none of {known}"))
    })
}
