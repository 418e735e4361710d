use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// Names of providers, as text or as an array.
///
/// The published contract allows text only. The published guides and the official Python SDK also send an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum ProviderNames {
    /// Comma-separated names, such as `FITBIT,GARMIN`.
    Text(String),
    /// An array of names. A `null` in it is ignored, and an element may contain several comma-separated names.
    Array(Vec<Option<String>>),
}

impl ProviderNames {
    /// Each name as it was sent, trimmed, without empty names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (text, array) = match self {
            Self::Text(text) => (Some(text), None),
            Self::Array(array) => (None, Some(array)),
        };
        let texts = text.into_iter().chain(array.into_iter().flatten().flatten());
        texts.flat_map(|text| text.split(',')).map(str::trim).filter(|name| !name.is_empty())
    }

    /// Whether the names were sent as an array, which the hosted API rejects.
    #[must_use]
    pub const fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }
}

impl From<String> for ProviderNames {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl<'de> Deserialize<'de> for ProviderNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

/// Written by hand, because the error of an untagged enum does not name the invalid element.
struct NamesVisitor;

impl<'de> de::Visitor<'de> for NamesVisitor {
    type Value = ProviderNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("comma-separated names or an array of names")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ProviderNames::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(ProviderNames::Text(text))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = elements.next_element()? {
            names.push(name);
        }
        Ok(ProviderNames::Array(names))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ProviderNames;

    fn read(value: Value) -> Result<Vec<String>, String> {
        let names: ProviderNames = serde_json::from_value(value).map_err(|error| error.to_string())?;
        Ok(names.names().map(str::to_owned).collect())
    }

    #[test]
    fn text_and_arrays_name_the_same_providers() {
        for spelling in [
            json!("FITBIT,GARMIN"),
            json!(" FITBIT , GARMIN,"),
            json!(["FITBIT", "GARMIN"]),
            json!([" FITBIT ", null, "", "GARMIN"]),
            json!(["FITBIT,GARMIN"]),
        ] {
            assert_eq!(read(spelling.clone()).unwrap(), ["FITBIT", "GARMIN"], "{spelling}");
        }
        for nothing in [json!(""), json!([]), json!([null]), json!([" "])] {
            assert_eq!(read(nothing.clone()).unwrap(), Vec::<String>::new(), "{nothing}");
        }
    }

    #[test]
    fn the_error_for_another_value_names_the_accepted_formats() {
        let expected = "invalid type: integer `5`, expected comma-separated names or an array of names";
        assert_eq!(read(json!(5)).unwrap_err(), expected);
        assert!(read(json!({"FITBIT": true})).unwrap_err().starts_with("invalid type: map, expected comma-separated"));
        assert_eq!(read(json!(["FITBIT", 5])).unwrap_err(), "invalid type: integer `5`, expected a string");
    }

    #[test]
    fn each_format_round_trips() {
        for spelling in [json!("FITBIT,GARMIN"), json!(["FITBIT", null])] {
            let names: ProviderNames = serde_json::from_value(spelling.clone()).unwrap();
            assert_eq!(json!(names), spelling);
        }
    }
}
