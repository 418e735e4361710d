use jiff::Timestamp;
use serde_json::{Map, Value};
use terra_auth_types::ReferenceId;

use super::Issuer;
use crate::{
    login::{LoginError, user_id::user_id},
    settings::JwtSettings,
    setup::SetupError,
};

/// What a token says.
pub(crate) type Claims = Map<String, Value>;

/// How far the issuer's clock and ours may be apart.
const LEEWAY_S: i64 = 30;

/// What a token must say.
pub(super) struct Expected {
    issuer: Issuer,
    audience: Vec<String>,
    user_claim: String,
}

impl Expected {
    pub(super) fn new(settings: &JwtSettings, issuer: Issuer) -> Result<Self, SetupError> {
        let audience = settings.audience.clone();
        if audience.is_empty() {
            return Err(SetupError::invalid("login.jwt.audience", "name at least one, as the tokens' `aud` says it"));
        }
        let user_claim = settings.user_claim.clone().unwrap_or_else(|| "sub".to_owned());
        Ok(Self { issuer, audience, user_claim })
    }

    /// Whom a token is about, if it counts at `now`.
    pub(super) fn user(&self, claims: &Claims, now: Timestamp) -> Result<ReferenceId, LoginError> {
        if !claims.get("iss").and_then(Value::as_str).is_some_and(|name| self.issuer.is(name)) {
            return Err(LoginError::Refused("the token is another issuer's"));
        }
        if !self.is_for_us(claims.get("aud")) {
            return Err(LoginError::Refused("the token is for another audience"));
        }
        check_times(claims, now.as_second())?;
        let user = claims.get(&self.user_claim).and_then(user_id);
        user.ok_or(LoginError::Refused("the token names no user"))
    }

    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let is_ours = |value: &Value| value.as_str().is_some_and(|name| self.audience.iter().any(|own| own == name));
        match audience {
            Some(Value::Array(names)) => names.iter().any(is_ours),
            Some(name) => is_ours(name),
            None => false,
        }
    }
}

fn check_times(claims: &Claims, now_s: i64) -> Result<(), LoginError> {
    let expires_at = seconds(claims, "exp")?.ok_or(LoginError::Refused("the token never expires"))?;
    if now_s >= expires_at.saturating_add(LEEWAY_S) {
        return Err(LoginError::Refused("the token is expired"));
    }
    let is_ahead = |instant: Option<i64>| instant.is_some_and(|instant| instant > now_s + LEEWAY_S);
    if is_ahead(seconds(claims, "nbf")?) {
        return Err(LoginError::Refused("the token does not count yet"));
    }
    if is_ahead(seconds(claims, "iat")?) {
        return Err(LoginError::Refused("the token was issued in the future"));
    }
    Ok(())
}

/// A claim in seconds since 1970, UTC, fractions cut off; `None` if it is not there.
fn seconds(claims: &Claims, name: &str) -> Result<Option<i64>, LoginError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "beyond i64 is the end of time, either way")]
    let cut = || value.as_f64().map(|seconds| seconds as i64);
    let seconds = value.as_i64().or_else(cut);
    seconds.map(Some).ok_or(LoginError::Refused("a time in the token is none"))
}
