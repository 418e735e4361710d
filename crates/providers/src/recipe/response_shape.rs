//! How a provider's answers differ from what RFC 6749 says.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::field::FieldPath;

/// How a provider's answers differ from what RFC 6749 says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerShape {
    /// The answer proper is in this field.
    inside: Option<FieldPath>,
    /// These fields tell how it went, whatever the HTTP status.
    #[serde(default)]
    status: StatusField,
    /// Its values that are no refusal.
    #[serde(default)]
    ok: Vec<Code>,
    /// The meaning of its other values, or of those of `error`.
    #[serde(default)]
    pub(crate) codes: Codes,
}

/// Without fields of its own it is `error`, which is there only when something is wrong (RFC 6749 §5.2). The values of
/// several make one code: `RefreshToken/invalid`.
#[derive(Clone, Debug)]
struct StatusField(Vec<FieldPath>);

/// The provider's own names for what everybody has a name for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Codes {
    #[serde(default)]
    pub(crate) throttled: Vec<Code>,
    #[serde(default)]
    pub(crate) invalid_grant: Vec<Code>,
    #[serde(default)]
    pub(crate) invalid_client: Vec<Code>,
    /// These prove nothing, whatever their names say: each is worth another try.
    #[serde(default)]
    pub(crate) no_verdict: Vec<Code>,
}

/// A number or a text, which are the same: `0` and `"0"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) String);

impl Default for StatusField {
    fn default() -> Self {
        Self(vec![FieldPath::of("error")])
    }
}

impl StatusField {
    /// `None` unless all of them are there.
    fn find(&self, answer: &Value) -> Option<Code> {
        let parts: Option<Vec<_>> = self.0.iter().map(|field| Some(Code::of(field.find(answer)?)?.0)).collect();
        Code::fit(parts?.join("/"))
    }
}

impl<'de> Deserialize<'de> for StatusField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(field) => vec![field],
            OneOrMore::More(fields) => fields,
        };
        let paths =
            fields.into_iter().map(FieldPath::try_from).collect::<Result<Vec<_>, _>>().map_err(D::Error::custom)?;
        if paths.is_empty() { Err(D::Error::custom("a status is in one field at least")) } else { Ok(Self(paths)) }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a field's name, or a list of some")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl AnswerShape {
    /// The code of a refusal, as far as it is fit for a log. A provider that goes its own way may also go the usual one.
    pub(crate) fn refusal(&self, answer: &Value) -> Option<Code> {
        let code = self.status.find(answer).or_else(|| StatusField::default().find(answer))?;
        (!self.ok.contains(&code)).then_some(code)
    }

    /// Whether a refusal may come with a status of success.
    pub(crate) fn tells_of_success(&self) -> bool {
        !self.ok.is_empty()
    }

    /// The answer proper.
    pub(crate) fn unwrapped(&self, answer: Value) -> Option<Value> {
        match &self.inside {
            Some(field) => field.find(&answer).cloned(),
            None => Some(answer),
        }
    }
}

impl Code {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::fit(text.clone()),
            Value::Number(number) => Self::fit(number.to_string()),
            _ => None,
        }
    }

    /// `None` for what is not fit for a log.
    fn fit(text: String) -> Option<Self> {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(text))
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::of(&value).ok_or_else(|| D::Error::custom("a code is a number or a short text without spaces"))
    }
}
