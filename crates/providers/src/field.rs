//! The fields of a recipe with their own syntax.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::{Number, Value};
use url::Url;

/// A URL of a recipe: absolute, `http` or `https`, without parts that a request would drop.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Endpoint(pub(crate) Url);

/// Why a field is invalid.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FieldError {
    #[error("not an absolute http or https URL")]
    NotAUrl,
    #[error("a URL must not contain a user name, a password or a fragment")]
    UrlPart,
    #[error("a field has a name such as `user_id` or, nested, `athlete.id`")]
    FieldPath,
    #[error("`{0}` is set by the server itself")]
    Reserved(String),
    #[error("a profile has at least one endpoint: `authorize_url`, `token_url`, `refresh_url` or `revoke_url`")]
    EmptyProfile,
    #[error("the name of a profile has lower-case letters, digits and `_` only")]
    ProfileName,
    #[error("a placeholder is `{{account}}`, `{{reference_id}}` or `{{client_id}}`, and not in the host name")]
    Placeholder,
}

impl TryFrom<String> for Endpoint {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        let url = Url::parse(&text).map_err(|_| FieldError::NotAUrl)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FieldError::NotAUrl);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(FieldError::UrlPart);
        }
        Ok(Self(url))
    }
}

/// The path of a value in a JSON response: `athlete.id`, or `errors.0.code` for the first item of a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FieldPath(String);

impl FieldPath {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value, if it exists and is not null.
    pub(crate) fn find<'a>(&self, answer: &'a Value) -> Option<&'a Value> {
        let step = |value: &'a Value, name: &str| match value {
            Value::Array(list) => list.get(name.parse::<usize>().ok()?),
            value => value.get(name),
        };
        self.0.split('.').try_fold(answer, step).filter(|value| !value.is_null())
    }
}

impl TryFrom<String> for FieldPath {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        if text.split('.').any(str::is_empty) { Err(FieldError::FieldPath) } else { Ok(Self(text)) }
    }
}

/// The maximum length of an account id.
const MAX_ID_BYTES: usize = 512;

/// Reads an id, which providers write as text or as an integer. `None` if it is empty, too long or inexact: a number beyond 64
/// bits was rounded by the parser, so two accounts could get the same id.
pub(crate) fn id(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => whole(number)?,
        _ => return None,
    };
    (1..=MAX_ID_BYTES).contains(&text.len()).then_some(text)
}

fn whole(number: &Number) -> Option<String> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if !number.is_f64() {
        return Some(number.to_string());
    }
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < EXACT)?;
    Some(format!("{float:.0}"))
}

/// Parameters of one provider, such as `access_type=offline`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub(crate) struct ExtraParams(pub(crate) BTreeMap<String, String>);

impl ExtraParams {
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str().into()))
    }
}

const RESERVED: [&str; 12] = [
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "response_type",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

impl TryFrom<BTreeMap<String, String>> for ExtraParams {
    type Error = FieldError;

    fn try_from(params: BTreeMap<String, String>) -> Result<Self, FieldError> {
        match params.keys().find(|name| RESERVED.contains(&name.as_str())) {
            Some(name) => Err(FieldError::Reserved(name.clone())),
            None => Ok(Self(params)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FieldPath, id};

    #[test]
    fn an_id_is_a_text_or_an_exact_whole_number() {
        for (value, expected) in [
            (json!("u/1"), Some("u/1")),
            (json!(" 7 "), Some("7")),
            (json!(7), Some("7")),
            (json!(-7), Some("-7")),
            (json!(7.0), Some("7")),
            (json!(u64::MAX), Some("18446744073709551615")),
            (json!(7.5), None),
            (json!(18_446_744_073_709_551_616.0), None),
            (json!(" "), None),
            (json!("x".repeat(513)), None),
            (json!(true), None),
            (json!([7]), None),
            (json!(null), None),
        ] {
            assert_eq!(id(&value).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn a_field_is_found_however_deep_it_lies() {
        let answer = json!({"user_id": 7, "athlete": {"id": "a", "team": null}, "errors": [{"code": "x"}]});
        let find = |path: &str| FieldPath::of(path).find(&answer).cloned();

        assert_eq!(find("user_id"), Some(json!(7)));
        assert_eq!(find("athlete.id"), Some(json!("a")));
        assert_eq!(find("errors.0.code"), Some(json!("x")));
        for missing in ["errors.1.code", "errors.code", "athlete.team", "athlete.name", "user_id.x", "x"] {
            assert_eq!(find(missing), None, "{missing}");
        }
    }
}
