//! Requests of the OAuth client.

use std::borrow::Cow;

use reqwest::RequestBuilder;
use secrecy::ExposeSecret as _;
use terra_auth_model::provider::ClientCredentials;

pub(crate) type Form<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// Adds the headers of the app.
pub(crate) fn with_headers(call: RequestBuilder, client: &ClientCredentials) -> RequestBuilder {
    client.headers.iter().fold(call, |call, (name, value)| call.header(name, value.expose_secret()))
}
