use jiff::Timestamp;
use serde_json::{Map, Value};
use terra_auth_types::ReferenceId;

use super::{Issuer, Key, issuer::fits};
use crate::{
    login::{LoginError, user_id::user_id},
    settings::JwtSettings,
    setup::SetupError,
};

/// The claims of a token.
pub(crate) type Claims = Map<String, Value>;

/// The accepted difference between the issuer's clock and ours.
const LEEWAY_S: i64 = 30;

/// Claims that name the app in access tokens without `aud`: RFC 9068 and Cognito, `OpenID` Connect
/// and Clerk, Okta.
const UNNAMED: [&str; 3] = ["client_id", "azp", "cid"];

/// The required claims of a token.
pub(super) struct Expected {
    audience: Vec<String>,
    /// `None`: check `aud`, or `UNNAMED` in tokens without it.
    audience_claims: Option<Vec<String>>,
    user_claim: String,
}

impl Expected {
    pub(super) fn new(settings: &JwtSettings) -> Result<Self, SetupError> {
        let audience = settings.audience.clone();
        if audience.is_empty() {
            return Err(SetupError::invalid("login.jwt.audience", "name at least one; it is the `aud` of the tokens"));
        }
        let audience_claims = settings.audience_claims.clone();
        if audience_claims.as_ref().is_some_and(Vec::is_empty) {
            let problem = "name at least one claim, such as \"aud\", \"client_id\" or \"azp\"";
            return Err(SetupError::invalid("login.jwt.audience_claims", problem));
        }
        let user_claim = settings.user_claim.clone().unwrap_or_else(|| "sub".to_owned());
        Ok(Self { audience, audience_claims, user_claim })
    }

    /// Returns the user of a token of `issuer` that was verified with `key`, if its claims are
    /// valid at `now`.
    pub(super) fn user(
        &self,
        claims: &Claims,
        issuer: &Issuer,
        key: &Key,
        now: Timestamp,
    ) -> Result<ReferenceId, LoginError> {
        let text = |name| claims.get(name).and_then(Value::as_str);
        let (name, tenant) = (text("iss").unwrap_or_default(), text("tid"));
        if !issuer.is(name, tenant) {
            return Err(LoginError::Refused("the token is from another issuer"));
        }
        // A key of one tenant must not sign for another tenant.
        let is_keys = |own: &str| fits(own, name, tenant.unwrap_or_default());
        if issuer.is_of_many() && !key.issuer().is_none_or(is_keys) {
            return Err(LoginError::Refused("the token's key cannot be used for this token"));
        }
        if !self.is_for_us(claims) {
            return Err(LoginError::Refused("the token is for another audience"));
        }
        check_times(claims, now.as_second())?;
        let user = claims.get(&self.user_claim).and_then(user_id);
        user.ok_or(LoginError::Refused("the token names no user"))
    }

    /// Whether the token is for this app. If the settings name claims, one of them must contain a
    /// configured audience. Otherwise `aud` must; in a token without `aud`, every claim of
    /// `UNNAMED` that is present must.
    fn is_for_us(&self, claims: &Claims) -> bool {
        let is_named_in = |name: &&str| claims.get(*name).is_some_and(|value| self.names_us(value));
        let is_there = |name: &&str| claims.contains_key(*name);
        match &self.audience_claims {
            Some(names) => names.iter().map(String::as_str).any(|name| is_named_in(&name)),
            None if claims.contains_key("aud") => is_named_in(&"aud"),
            None => UNNAMED.iter().any(is_there) && UNNAMED.iter().filter(|name| is_there(name)).all(is_named_in),
        }
    }

    fn names_us(&self, audience: &Value) -> bool {
        let is_ours = |value: &Value| value.as_str().is_some_and(|name| self.audience.iter().any(|own| own == name));
        match audience {
            Value::Array(names) => names.iter().any(is_ours),
            name => is_ours(name),
        }
    }
}

fn check_times(claims: &Claims, now_s: i64) -> Result<(), LoginError> {
    let expires_at = seconds(claims, "exp")?.ok_or(LoginError::Refused("the token has no expiry time"))?;
    if now_s >= expires_at.saturating_add(LEEWAY_S) {
        return Err(LoginError::Refused("the token is expired"));
    }
    let is_ahead = |instant: Option<i64>| instant.is_some_and(|instant| instant > now_s + LEEWAY_S);
    if is_ahead(seconds(claims, "nbf")?) {
        return Err(LoginError::Refused("the token is not valid yet"));
    }
    if is_ahead(seconds(claims, "iat")?) {
        return Err(LoginError::Refused("the token was issued in the future"));
    }
    Ok(())
}

/// Reads a claim in seconds since 1970, UTC, without fractions; `None` if it is missing.
fn seconds(claims: &Claims, name: &str) -> Result<Option<i64>, LoginError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    #[expect(clippy::cast_possible_truncation, reason = "a value beyond i64 is in the far future or past either way")]
    let cut = || value.as_f64().map(|seconds| seconds as i64);
    let seconds = value.as_i64().or_else(cut);
    seconds.map(Some).ok_or(LoginError::Refused("a time in the token is not a number"))
}
