//! Where a provider tells what was granted.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::field::FieldPath;

/// Where a provider tells what was granted. Where it says nothing, everything was (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub(crate) enum GrantedScopes {
    /// In this field of the token answer: `"scope"`, or `{ field = "scope" }`.
    Field(FieldPath),
    /// In the redirect, as `scope`: `{ redirect = "scope" }`.
    Redirect,
    /// Nowhere: `"none"`.
    Untold,
}

impl Default for GrantedScopes {
    fn default() -> Self {
        Self::Field(FieldPath::of("scope"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Field(FieldPath),
    Redirect(RedirectParameter),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RedirectParameter {
    Scope,
}

impl<'de> Deserialize<'de> for GrantedScopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Form)
    }
}

struct Form;

impl<'de> Visitor<'de> for Form {
    type Value = GrantedScopes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"a field's name, { redirect = "scope" } or "none""#)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<GrantedScopes, E> {
        match text {
            "none" => Ok(GrantedScopes::Untold),
            field => FieldPath::try_from(field.to_owned()).map(GrantedScopes::Field).map_err(E::custom),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GrantedScopes, A::Error> {
        Place::deserialize(MapAccessDeserializer::new(map)).map(|place| match place {
            Place::Field(field) => GrantedScopes::Field(field),
            Place::Redirect(RedirectParameter::Scope) => GrantedScopes::Redirect,
        })
    }
}
