//! The call that a provider requires before it returns data.

use std::collections::BTreeMap;

use serde::Deserialize;
use terra_auth_egress::Method;

use crate::template::{Template, UrlTemplate};

/// A call with the access token after the consent. The connection is created only if it succeeds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AfterConsent {
    pub(crate) url: UrlTemplate,
    #[serde(default)]
    pub(crate) method: Method,
    /// The body, in one of two formats.
    pub(crate) body: Option<Body>,
    #[serde(default = "crate::recipe::revoke::only_200")]
    pub(crate) success: Vec<u16>,
}

/// Names and values.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    Form(BTreeMap<String, Template>),
    Json(BTreeMap<String, Template>),
}
