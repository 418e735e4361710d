//! The deviations of token responses from RFC 6749.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::field::FieldPath;

/// The deviations of token responses from RFC 6749.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerShape {
    /// The field that contains the actual response.
    inside: Option<FieldPath>,
    /// The fields with the result, whatever the HTTP status.
    #[serde(default)]
    status: StatusField,
    /// The values that mean success.
    #[serde(default)]
    ok: Vec<Code>,
    /// The meaning of other values, or of those of `error`.
    #[serde(default)]
    pub(crate) codes: Codes,
}

/// The fields of the result. The default is `error`, which exists only in error responses (RFC 6749 §5.2). Several values
/// form one code: `RefreshToken/invalid`.
#[derive(Clone, Debug)]
struct StatusField(Vec<FieldPath>);

/// The provider's names for the standard errors.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Codes {
    #[serde(default)]
    pub(crate) throttled: Vec<Code>,
    #[serde(default)]
    pub(crate) invalid_grant: Vec<Code>,
    #[serde(default)]
    pub(crate) invalid_client: Vec<Code>,
    /// Inconclusive codes, whatever their names suggest. They are retried.
    #[serde(default)]
    pub(crate) no_verdict: Vec<Code>,
}

/// A number or text; `0` and `"0"` are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) String);

impl Default for StatusField {
    fn default() -> Self {
        Self(vec![FieldPath::of("error")])
    }
}

impl StatusField {
    /// `None` unless all fields exist.
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
        if paths.is_empty() { Err(D::Error::custom("a status has at least one field")) } else { Ok(Self(paths)) }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a field's name, or a list of names")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl AnswerShape {
    /// The code of an error, if it can be logged. A provider with its own format can also use the standard one.
    pub(crate) fn refusal(&self, answer: &Value) -> Option<Code> {
        let code = self.status.find(answer).or_else(|| StatusField::default().find(answer))?;
        (!self.ok.contains(&code)).then_some(code)
    }

    /// Whether an error can have a success status.
    pub(crate) fn tells_of_success(&self) -> bool {
        !self.ok.is_empty()
    }

    /// The actual response.
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

    /// `None` if it must not be logged.
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
