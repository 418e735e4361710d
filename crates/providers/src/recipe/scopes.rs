//! Where a provider tells what was granted.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::field::{Endpoint, FieldPath};

/// Where a provider tells what was granted. Where it says nothing, everything was (RFC 6749 §5.1).
#[derive(Clone, Debug)]
pub(crate) enum GrantedScopes {
    /// In this field of the token answer: `"scope"`, or `{ field = "scope" }`.
    Field(FieldPath),
    /// In the redirect, as `scope`: `{ redirect = "scope" }`.
    Redirect,
    /// At a URL that takes the access token, in this field or as the whole answer: `{ url = "https://…", field = "scopes" }`.
    Asked(Endpoint, Option<FieldPath>),
    /// Nowhere: `"none"`.
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
