//! The format of a token request.

use std::collections::BTreeMap;

use reqwest::RequestBuilder;
use serde::Deserialize;
use terra_auth_egress::{HttpClient, Method};
use url::Url;

use crate::form::Form;

/// The format of a token request.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequestStyle {
    /// `POST` with a form (RFC 6749 §4.1.3).
    #[default]
    Form,
    /// `POST` with a JSON object.
    Json,
    /// `POST` with query parameters.
    Query,
    /// `GET` with query parameters.
    Get,
}

impl RequestStyle {
    pub(crate) fn begin(self, caller: &HttpClient, url: Url) -> RequestBuilder {
        let method = match self {
            Self::Form | Self::Json | Self::Query => Method::Post,
            Self::Get => Method::Get,
        };
        caller.call(method, url)
    }

    pub(crate) fn fill(self, call: RequestBuilder, form: &Form<'_>) -> RequestBuilder {
        match self {
            Self::Form => call.form(form),
            Self::Json => call.json(&form.iter().cloned().collect::<BTreeMap<_, _>>()),
            Self::Query | Self::Get => call.query(form),
        }
    }
}
