use serde_json::Value;
use terra_auth_types::ReferenceId;

use super::anonymous::is_anonymous_name;

/// Reads an end user's id. Apps write it as text or as an integer; any other value is invalid.
pub(crate) fn user_id(value: &Value) -> Option<ReferenceId> {
    match value {
        Value::String(text) => parse(text),
        Value::Number(number) if !number.is_f64() => parse(&number.to_string()),
        _ => None,
    }
}

/// Whether a value on the path to the user's id means that no user is logged in.
pub(crate) fn means_no_user(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => is_anonymous_name(&number.to_string()),
        Value::String(text) => is_anonymous_name(text),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

fn parse(text: &str) -> Option<ReferenceId> {
    if is_anonymous_name(text) { None } else { text.parse().ok() }
}
