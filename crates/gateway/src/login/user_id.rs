use serde_json::Value;
use terra_auth_types::ReferenceId;

/// Reads an end user's id, which apps write as text or as a whole number. Nothing else is one.
pub(crate) fn user_id(value: &Value) -> Option<ReferenceId> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) if !number.is_f64() => number.to_string().parse().ok(),
        _ => None,
    }
}
