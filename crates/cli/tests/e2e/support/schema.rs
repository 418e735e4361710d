//! The part of JSON Schema that our schemas use. An unknown keyword is a fault, so none is ignored
//! by mistake.

use std::{fs, path::Path};

use serde_json::Value;
use terra_auth::UserId;

/// The violations of a schema in `dir` by `value`, each with its location.
pub(crate) fn faults(dir: &Path, schema: &str, value: &Value) -> Vec<String> {
    let text = fs::read_to_string(dir.join(schema)).unwrap_or_else(|error| panic!("{schema}: {error}"));
    let schema = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{schema}: {error}"));
    let mut found = Vec::new();
    Checker { dir, found: &mut found }.check(&schema, value, "");
    found
}

struct Checker<'a> {
    dir: &'a Path,
    found: &'a mut Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, schema: &Value, value: &Value, at: &str) {
        for (keyword, rule) in schema.as_object().unwrap() {
            let holds = match keyword.as_str() {
                "description" => true,
                "type" => has_type(rule, value),
                "const" => value == rule,
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
                "format" => value.as_str().is_none_or(|text| has_format(rule.as_str().unwrap(), text)),
                "required" => self.required(rule, value, at),
                "properties" => self.properties(rule, value, at),
                "$ref" => {
                    let deeper = faults(self.dir, rule.as_str().unwrap(), value);
                    self.found.extend(deeper.into_iter().map(|fault| format!("{at}{fault}")));
                    true
                }
                _ => false,
            };
            if !holds {
                self.found.push(format!("{at}: {keyword} {rule}, not {value}"));
            }
        }
    }

    fn required(&mut self, names: &Value, value: &Value, at: &str) -> bool {
        let missing = names.as_array().unwrap().iter().filter(|name| value.get(name.as_str().unwrap()).is_none());
        self.found.extend(missing.map(|name| format!("{at}: {name} is missing")));
        true
    }

    fn properties(&mut self, schemas: &Value, value: &Value, at: &str) -> bool {
        for (name, schema) in schemas.as_object().unwrap() {
            if let Some(value) = value.get(name) {
                self.check(schema, value, &format!("{at}/{name}"));
            }
        }
        true
    }
}

/// Whether `value` has a type. `rule` is a type or an array of types.
fn has_type(rule: &Value, value: &Value) -> bool {
    match rule {
        Value::Array(rules) => rules.iter().any(|rule| has_type(rule, value)),
        rule => match rule.as_str().unwrap() {
            "object" => value.is_object(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("unknown type {other}"),
        },
    }
}

fn has_format(format: &str, text: &str) -> bool {
    match format {
        "uuid" => text.parse::<UserId>().is_ok(),
        // Microseconds and a numeric offset, as published.
        "date-time" => text.replace(|c: char| c.is_ascii_digit(), "0") == "0000-00-00T00:00:00.000000+00:00",
        other => panic!("unknown format {other}"),
    }
}
