//! The source of the granted scopes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::field::{Endpoint, FieldPath};

/// The source of the granted scopes. If it has none, all requested scopes were granted (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub(crate) enum GrantedScopes {
    /// A field of the token response: `"scope"`, or `{ field = "scope" }`.
    Field(FieldPath),
    /// A parameter of the redirect: `{ redirect = "scope" }`.
    Redirect,
    /// A URL that is called with the access token. The scopes are in a field or the complete response:
    /// `{ url = "https://…", field = "scopes" }`.
    Asked(Endpoint, Option<FieldPath>),
    /// No source: `"none"`.
    Untold,
}

impl Default for GrantedScopes {
    fn default() -> Self {
        Self::Field(FieldPath::of("scope"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopePosition {
    field: Option<FieldPath>,
    redirect: Option<RedirectParameter>,
    url: Option<Endpoint>,
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
        f.write_str(r#"a field's name, { redirect = "scope" }, { url = "…" } or "none""#)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<GrantedScopes, E> {
        match text {
            "none" => Ok(GrantedScopes::Untold),
            field => FieldPath::try_from(field.to_owned()).map(GrantedScopes::Field).map_err(E::custom),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<GrantedScopes, A::Error> {
        let place = ScopePosition::deserialize(MapAccessDeserializer::new(map))?;
        match (place.url, place.field, place.redirect) {
            (Some(url), field, None) => Ok(GrantedScopes::Asked(url, field)),
            (None, Some(field), None) => Ok(GrantedScopes::Field(field)),
            (None, None, Some(RedirectParameter::Scope)) => Ok(GrantedScopes::Redirect),
            _ => Err(A::Error::custom("granted scopes are in a `field`, in the `redirect`, or at a `url`")),
        }
    }
}
