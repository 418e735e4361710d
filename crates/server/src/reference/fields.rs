//! Renders a schema as a nested list of fields.

use std::collections::BTreeMap;

use utoipa::openapi::{
    RefOr,
    schema::{AdditionalProperties, ArrayItems, Object, Schema, SchemaFormat, SchemaType, Type},
};

use super::text;

/// The depth of the list. The example shows deeper fields.
const MAX_DEPTH: usize = 3;

/// A field, or a parameter.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The path, such as `users[].user_id`.
    pub(super) name: String,
    /// Such as `string · uuid, or null`.
    pub(super) kind: String,
    pub(super) required: bool,
    /// HTML.
    pub(super) description: String,
    /// The allowed values, if they are few.
    pub(super) values: Vec<String>,
}

/// The schemas by name.
#[derive(Clone, Copy)]
pub(super) struct Schemas<'a>(pub(super) &'a BTreeMap<String, RefOr<Schema>>);

impl<'a> Schemas<'a> {
    /// Every field of a body, parents first.
    pub(super) fn fields(self, schema: &'a RefOr<Schema>) -> Vec<Field> {
        let mut fields = Vec::new();
        self.collect("", schema, 0, &mut fields);
        fields
    }

    fn collect(self, prefix: &str, schema: &'a RefOr<Schema>, depth: usize, fields: &mut Vec<Field>) {
        if let Some(item) = self.item(schema) {
            return self.collect(&format!("{prefix}[]"), item, depth, fields);
        }
        for (name, property, required) in self.properties(schema) {
            let dot = if prefix.is_empty() { "" } else { "." };
            let name = format!("{prefix}{dot}{name}");
            fields.push(self.field(name.clone(), property, required));
            if depth < MAX_DEPTH {
                self.collect(&name, property, depth + 1, fields);
            }
        }
    }

    /// One field; `schema` is the schema of its value.
    pub(super) fn field(self, name: String, schema: &'a RefOr<Schema>, required: bool) -> Field {
        let (kind, nullable) = self.kind(schema);
        let kind = if nullable { format!("{kind}, or null") } else { kind };
        let description = text::inline(self.description(schema));
        Field { name, kind, required, description, values: self.values(schema) }
    }

    /// The properties of an object in their order, each with whether it is required.
    pub(super) fn properties(self, schema: &'a RefOr<Schema>) -> Vec<(&'a str, &'a RefOr<Schema>, bool)> {
        match self.resolve(schema) {
            Some(Schema::Object(object)) => {
                let properties = object.properties.iter();
                properties.map(|(name, schema)| (name.as_str(), schema, object.required.contains(name))).collect()
            }
            Some(Schema::AllOf(all_of)) => all_of.items.iter().flat_map(|part| self.properties(part)).collect(),
            Some(Schema::OneOf(one_of)) => one_of.items.iter().flat_map(|part| self.properties(part)).collect(),
            _ => Vec::new(),
        }
    }

    /// The type of an array's items.
    pub(super) fn item(self, schema: &'a RefOr<Schema>) -> Option<&'a RefOr<Schema>> {
        match self.resolve(schema)? {
            Schema::Array(array) => match &array.items {
                ArrayItems::RefOrSchema(item) => Some(item),
                ArrayItems::False => None,
            },
            Schema::OneOf(one_of) if self.properties(schema).is_empty() => {
                one_of.items.iter().find_map(|item| self.item(item))
            }
            _ => None,
        }
    }

    fn resolve(self, schema: &'a RefOr<Schema>) -> Option<&'a Schema> {
        match schema {
            RefOr::T(schema) => Some(schema),
            RefOr::Ref(target) => match self.0.get(target.ref_location.rsplit('/').next()?)? {
                RefOr::T(schema) => Some(schema),
                RefOr::Ref(_) => None,
            },
        }
    }

    /// The type in words, and whether `null` is allowed.
    fn kind(self, schema: &'a RefOr<Schema>) -> (String, bool) {
        match self.resolve(schema) {
            Some(Schema::Object(object)) => object_kind(object),
            Some(Schema::Array(array)) => {
                let item = match &array.items {
                    ArrayItems::RefOrSchema(item) => self.kind(item).0,
                    ArrayItems::False => String::new(),
                };
                let nullable = matches!(&array.schema_type, SchemaType::Array(kinds) if kinds.contains(&Type::Null));
                (format!("array of {item}"), nullable)
            }
            Some(Schema::OneOf(one_of)) => {
                let kinds: Vec<_> = one_of.items.iter().map(|item| self.kind(item)).collect();
                let nullable = kinds.iter().any(|(kind, nullable)| *nullable || kind == "null");
                let kinds: Vec<_> = kinds.into_iter().map(|(kind, _)| kind).filter(|kind| kind != "null").collect();
                (kinds.join(", or "), nullable)
            }
            Some(Schema::AllOf(_)) => ("object".to_owned(), false),
            _ => ("any".to_owned(), false),
        }
    }

    fn description(self, schema: &'a RefOr<Schema>) -> &'a str {
        let own = match schema {
            RefOr::Ref(target) => target.description.as_str(),
            RefOr::T(Schema::Object(object)) => object.description.as_deref().unwrap_or_default(),
            RefOr::T(Schema::Array(array)) => array.description.as_deref().unwrap_or_default(),
            RefOr::T(Schema::OneOf(one_of)) => one_of.description.as_deref().unwrap_or_default(),
            RefOr::T(Schema::AllOf(all_of)) => all_of.description.as_deref().unwrap_or_default(),
            RefOr::T(_) => "",
        };
        match schema {
            RefOr::T(Schema::OneOf(one_of)) if own.is_empty() => {
                one_of.items.iter().map(|item| self.description(item)).find(|text| !text.is_empty()).unwrap_or_default()
            }
            RefOr::Ref(_) if own.is_empty() => match self.resolve(schema) {
                Some(Schema::Object(object)) => object.description.as_deref().unwrap_or_default(),
                _ => own,
            },
            _ => own,
        }
    }

    fn values(self, schema: &'a RefOr<Schema>) -> Vec<String> {
        match self.resolve(schema) {
            Some(Schema::Object(object)) => {
                let values = object.enum_values.iter().flatten();
                values.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
            }
            Some(Schema::OneOf(one_of)) => one_of.items.iter().flat_map(|item| self.values(item)).collect(),
            Some(Schema::Array(array)) => match &array.items {
                ArrayItems::RefOrSchema(item) => self.values(item),
                ArrayItems::False => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}

fn object_kind(object: &Object) -> (String, bool) {
    let (kinds, nullable) = match &object.schema_type {
        SchemaType::Type(kind) => (vec![kind], false),
        SchemaType::Array(kinds) => {
            (kinds.iter().filter(|kind| **kind != Type::Null).collect(), kinds.contains(&Type::Null))
        }
        SchemaType::AnyValue => (Vec::new(), false),
    };
    let is_map = matches!(object.additional_properties.as_deref(), Some(AdditionalProperties::RefOr(_)));
    let name = kinds.first().map_or("any", |kind| name_of(kind));
    let kind = match object.format.as_ref().map(format_of) {
        Some(format) if !format.starts_with("int") => format!("{name} · {format}"),
        _ if is_map && object.properties.is_empty() => "object of strings".to_owned(),
        _ => name.to_owned(),
    };
    (kind, nullable)
}

const fn name_of(kind: &Type) -> &'static str {
    match kind {
        Type::Object => "object",
        Type::String => "string",
        Type::Integer => "integer",
        Type::Number => "number",
        Type::Boolean => "boolean",
        Type::Array => "array",
        Type::Null => "null",
    }
}

fn format_of(format: &SchemaFormat) -> String {
    serde_json::to_value(format).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
