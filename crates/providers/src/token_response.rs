//! Reads token responses of logins and refreshes, in all formats of providers.
//!
//! A field can be text, a number, a list, null or absent. An invalid field does not affect the other fields, with one
//! exception: an invalid refresh token, because continuing with the old one would end the grant.

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;
use terra_auth_model::provider::Tokens;

use crate::recipe::{login::Login, scopes::GrantedScopes};

/// A response with tokens.
pub(crate) struct TokenAnswer {
    pub(crate) tokens: Tokens,
    pub(crate) scopes: ReportedScopes,
}

/// The granted scopes according to a token response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReportedScopes {
    /// Absent.
    Untold,
    /// These scopes, or none.
    Told(Vec<String>),
    /// Not a list of scopes. The granted scopes are unknown.
    Unreadable,
}

/// Reads a response at `now`. `before` is the refresh token that was sent; it remains valid if the response has none (RFC
/// 6749 §6).
///
/// `None` without an access token, or with an invalid refresh token.
pub(crate) fn read(
    login: &Login,
    answer: &Value,
    before: Option<&SecretString>,
    now: Timestamp,
) -> Option<TokenAnswer> {
    let access_token = token(answer.get("access_token")).ok()??;
    let refresh_token = token(answer.get("refresh_token")).ok()?.or_else(|| before.cloned());
    let said = answer.get("expires_in").and_then(seconds);
    let life = if refresh_token.is_some() && login.refresh.is_some() {
        Some(said.unwrap_or(login.access_life()).min(login.longest_access_life()))
    } else {
        said.or(login.access_ttl())
    };
    let expires_at = life.map(|life| now.saturating_add(life).unwrap_or(Timestamp::MAX));
    Some(TokenAnswer { tokens: Tokens { access_token, refresh_token, expires_at }, scopes: scopes(login, answer) })
}

/// A token: text or an integer. `Ok(None)` if it is missing, null, false or empty.
fn token(value: Option<&Value>) -> Result<Option<SecretString>, Unreadable> {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => Ok((!text.trim().is_empty()).then(|| text.trim().into())),
        Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string().into())),
        Some(_) => Err(Unreadable),
    }
}

struct Unreadable;

/// Seconds, as a number or as text such as `3600` or `3600s`. `None` for zero and invalid values, which count as absent. The
/// maximum is ten years.
fn seconds(value: &Value) -> Option<SignedDuration> {
    const MAX_LIFETIME_S: f64 = 10.0 * 365.0 * 24.0 * 3600.0;
    let written = |text: &str| text.trim().trim_end_matches('s').trim_end().parse().ok();
    let seconds: f64 = value.as_f64().or_else(|| written(value.as_str()?))?;
    (seconds >= 1.0).then(|| SignedDuration::try_from_secs_f64(seconds.min(MAX_LIFETIME_S)).ok())?
}

/// The scopes of a token response, if its recipe declares them there.
fn scopes(login: &Login, answer: &Value) -> ReportedScopes {
    let GrantedScopes::Field(field) = &login.granted_scopes else { return ReportedScopes::Untold };
    let Some(value) = field.find(answer) else { return ReportedScopes::Untold };
    let read = |value: &Value| value.as_str().map(|text| login.read_scopes(text));
    let told = match value {
        Value::Array(list) => list.iter().filter(|value| !value.is_null()).map(read).collect::<Option<Vec<_>>>(),
        value => read(value).map(|scopes| vec![scopes]),
    };
    told.map_or(ReportedScopes::Unreadable, |scopes| ReportedScopes::Told(scopes.concat()))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::seconds;

    #[test]
    fn an_implausible_lifetime_is_limited() {
        let ten_years = Some(315_360_000);
        for (value, expected) in [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(" 3600 "), Some(3600)),
            (json!("3600s"), Some(3600)),
            (json!("3600.0"), Some(3600)),
            (json!(3600.0), Some(3600)),
            (json!(1), Some(1)),
            (json!(0), None),
            (json!(0.5), None),
            (json!(-1), None),
            (json!(i64::MIN), None),
            (json!(315_360_001), ten_years),
            (json!(i64::MAX), ten_years),
            (json!(u64::MAX), ten_years),
            (json!(1e300), ten_years),
            (json!("99999999999999999999999999"), ten_years),
            (json!("inf"), ten_years),
            (json!("NaN"), None),
            (json!("soon"), None),
            (json!("s"), None),
            (json!(""), None),
            (json!(true), None),
            (json!(null), None),
            (json!([3600]), None),
            (json!({"seconds": 3600}), None),
        ] {
            assert_eq!(seconds(&value), expected.map(SignedDuration::from_secs), "{value}");
        }
    }
}
