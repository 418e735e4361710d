use jsonwebtoken::Algorithm;

use super::key::{Key, Kind};
use crate::setup::SetupError;

const KEY: &str = "login.jwt.algorithms";

/// The algorithms that count, settled before any token is seen: a token can never choose to have a public key taken for a
/// secret. `own` is the one key, if it is known already.
pub(super) fn algorithms(names: Option<&[String]>, own: Option<&Key>) -> Result<Vec<Algorithm>, SetupError> {
    let secret = own.is_some_and(|key| key.kind() == Kind::Secret);
    let mut algorithms = match names {
        Some(names) => names.iter().map(|name| read(name)).collect::<Result<_, _>>()?,
        None if secret => vec![Algorithm::HS256],
        None => vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
    };
    if algorithms.iter().any(|algorithm| (Kind::of(*algorithm) == Some(Kind::Secret)) != secret) {
        let problem = "HS256, HS384 and HS512 go with a secret, all others with public keys; they cannot be mixed";
        return Err(SetupError::invalid(KEY, problem));
    }
    algorithms.retain(|algorithm| own.is_none_or(|key| key.fits(*algorithm)));
    if algorithms.is_empty() {
        return Err(SetupError::invalid(KEY, "none of them can be verified with the key"));
    }
    if let Some(secret) = own.filter(|_| secret) {
        check_length(secret, &algorithms)?;
    }
    Ok(algorithms)
}

/// Whoever has a token can try out secrets at leisure, so a short one is found.
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
