//! As much of JSON Schema as the document uses, except `pattern`.

use serde_json::Value;

/// What is wrong with `value`, each with its place; empty if it fits `schema`.
pub(crate) fn faults(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(document, schema, value, "", &mut faults);
    faults
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(target) = schema["$ref"].as_str() {
        let schema = document.pointer(target.trim_start_matches('#')).unwrap_or_else(|| panic!("no {target}"));
        return check(document, schema, value, place, faults);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        check(document, part, value, place, faults);
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        let fitting = forms.iter().filter(|form| self::faults(document, form, value).is_empty()).count();
        if fitting != 1 {
            faults.push(format!("{place}: {fitting} forms fit {value}"));
        }
    }
    if let Some(values) = schema["enum"].as_array()
        && !values.contains(value)
    {
        faults.push(format!("{place}: {value} is none of {values:?}"));
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if !types.is_empty() && !types.iter().any(|name| is_a(value, name)) {
        faults.push(format!("{place}: {value} is no {types:?}"));
    }
    text(schema, value, place, faults);
    number(schema, value, place, faults);
    object(document, schema, value, place, faults);
    for (position, item) in value.as_array().into_iter().flatten().enumerate() {
        check(document, &schema["items"], item, &format!("{place}/{position}"), faults);
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => panic!("unknown type {name}"),
    }
}

fn text(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let Some(text) = value.as_str() else { return };
    let fits = match schema["format"].as_str() {
        Some("uuid") => text.parse::<uuid::Uuid>().is_ok(),
        Some("date-time") => text.parse::<jiff::Timestamp>().is_ok(),
        Some("uri") => text.parse::<url::Url>().is_ok(),
        _ => true,
    };
    let length = text.chars().count() as u64;
    let long = schema["maxLength"].as_u64().is_none_or(|most| length <= most);
    let short = schema["minLength"].as_u64().is_none_or(|least| length >= least);
    if !(fits && long && short) {
        faults.push(format!("{place}: {text:?} does not fit {schema}"));
    }
}

fn number(schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let Some(number) = value.as_f64() else { return };
    let low = schema["minimum"].as_f64().is_some_and(|least| number < least);
    let high = schema["maximum"].as_f64().is_some_and(|most| number > most);
    if low || high {
        faults.push(format!("{place}: {number} is out of range"));
    }
}

fn object(document: &Value, schema: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let Some(fields) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            faults.push(format!("{place}: {name} is missing"));
        }
    }
    for (name, field) in fields {
        let place = format!("{place}/{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => faults.push(format!("{place}: unknown field")),
            (Value::Null, other) if other.is_object() => check(document, other, field, &place, faults),
            (Value::Null, _) => {}
            (schema, _) => check(document, schema, field, &place, faults),
        }
    }
}

#[test]
fn a_schema_violation_is_reported_with_its_location() {
    let document = serde_json::json!({"a": {"type": "object", "required": ["id"], "additionalProperties": false, "properties": {
        "id": {"type": "string", "format": "uuid"}, "tags": {"type": ["array", "null"], "items": {"enum": ["x", "y"]}},
    }}});
    let schema = serde_json::json!({"$ref": "#/a"});
    let fits = serde_json::json!({"id": "3f1b6c52-9c1e-4c6b-8f0a-5d2f7b9e4a11", "tags": ["x"]});
    assert_eq!(faults(&document, &schema, &fits), Vec::<String>::new());
    let wrong = serde_json::json!({"id": 7, "tags": ["z"], "more": true});
    assert_eq!(faults(&document, &schema, &wrong).len(), 3);
    assert_eq!(faults(&document, &schema, &serde_json::json!({})), [": id is missing"]);
}
