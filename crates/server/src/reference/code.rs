//! Renders JSON values, indented and with the fields in the order of the schema.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::{RefOr, schema::Schema};

use super::{fields::Schemas, text::escape};

/// The format of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    /// JSON in HTML, with a class for each kind of token.
    Html,
    /// JSON, which is also valid JavaScript.
    Json,
    Python,
}

/// A value as HTML, for a `<pre>`.
pub(super) fn html(value: &Value, schema: Option<&RefOr<Schema>>, schemas: Schemas) -> String {
    Writer { notation: Notation::Html, schemas, text: String::new() }.write(value, schema, 0)
}

/// A value as JSON; all lines but the first are indented by `indent` steps of two spaces.
pub(super) fn json(value: &Value, schema: Option<&RefOr<Schema>>, schemas: Schemas, indent: usize) -> String {
    Writer { notation: Notation::Json, schemas, text: String::new() }.write(value, schema, indent)
}

/// The same as a Python literal.
pub(super) fn python(value: &Value, schema: Option<&RefOr<Schema>>, schemas: Schemas, indent: usize) -> String {
    Writer { notation: Notation::Python, schemas, text: String::new() }.write(value, schema, indent)
}

/// The name, value and schema of a field. An item of an array has no name.
type Item<'v, 'a> = (Option<&'v str>, &'v Value, Option<&'a RefOr<Schema>>);

struct Writer<'a> {
    notation: Notation,
    schemas: Schemas<'a>,
    text: String,
}

impl<'a> Writer<'a> {
    fn write(mut self, value: &Value, schema: Option<&'a RefOr<Schema>>, indent: usize) -> String {
        self.value(value, schema, indent);
        self.text
    }

    fn value(&mut self, value: &Value, schema: Option<&'a RefOr<Schema>>, indent: usize) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                let properties = schema.map(|schema| self.schemas.properties(schema)).unwrap_or_default();
                let position = |name: &str| properties.iter().position(|(property, ..)| *property == name);
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| position(name).unwrap_or(usize::MAX));
                let items = fields.into_iter().map(|(name, value)| {
                    let schema = position(name).map(|at| properties[at].1);
                    (Some(name.as_str()), value, schema)
                });
                self.items(['{', '}'], items.collect(), indent);
            }
            Value::Array(items) if !items.is_empty() => {
                let item = schema.and_then(|schema| self.schemas.item(schema));
                self.items(['[', ']'], items.iter().map(|value| (None, value, item)).collect(), indent);
            }
            Value::String(_) => self.token("s", &value.to_string()),
            Value::Object(_) => self.text.push_str("{}"),
            Value::Array(_) => self.text.push_str("[]"),
            Value::Number(number) => self.token("n", &number.to_string()),
            Value::Null => self.token("n", if self.notation == Notation::Python { "None" } else { "null" }),
            Value::Bool(value) => {
                let text = if *value { ["true", "True"] } else { ["false", "False"] };
                self.token("n", text[usize::from(self.notation == Notation::Python)]);
            }
        }
    }

    fn items(&mut self, [open, close]: [char; 2], items: Vec<Item<'_, 'a>>, indent: usize) {
        self.text.push(open);
        for (position, (name, value, schema)) in items.into_iter().enumerate() {
            self.text.push_str(if position == 0 { "\n" } else { ",\n" });
            self.text.push_str(&"  ".repeat(indent + 1));
            if let Some(name) = name {
                self.token("k", &Value::from(name).to_string());
                self.text.push_str(": ");
            }
            self.value(value, schema, indent + 1);
        }
        let _ = write!(self.text, "\n{}{close}", "  ".repeat(indent));
    }

    fn token(&mut self, class: &str, text: &str) {
        let _ = match self.notation {
            Notation::Html => write!(self.text, "<span class=\"{class}\">{}</span>", escape(text)),
            Notation::Json | Notation::Python => write!(self.text, "{text}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{html, json, python};
    use crate::reference::fields::Schemas;

    #[test]
    fn a_value_is_written_in_each_notation() {
        let (schemas, value) = (BTreeMap::new(), json!({"a": [true, null], "b": "<x>", "c": {}}));
        let schemas = Schemas(&schemas);
        assert_eq!(
            json(&value, None, schemas, 1),
            "{\n    \"a\": [\n      true,\n      null\n    ],\n    \"b\": \"<x>\",\n    \"c\": {}\n  }"
        );
        assert!(python(&value, None, schemas, 0).contains("True,\n    None"));
        assert!(html(&value, None, schemas).contains("<span class=\"s\">&quot;&lt;x&gt;&quot;</span>"));
    }
}
