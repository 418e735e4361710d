//! Client authentication by HTTP Basic or in the body (RFC 6749, section 2.3.1).

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use url::form_urlencoded;

use super::error::OAuthEndpointError;
use crate::{params::Params, sandbox::Sandbox};

/// Authenticates the only client.
pub(super) fn authenticate(sandbox: &Sandbox, headers: &HeaderMap, params: &Params) -> Result<(), OAuthEndpointError> {
    let in_body = (params.at_most_one("client_id")?, params.at_most_one("client_secret")?);
    let (id, secret) = match (headers.get(header::AUTHORIZATION), in_body) {
        (Some(_), (_, Some(_))) => return Err(OAuthEndpointError::TwoClientSecrets),
        (Some(value), (id, None)) => {
            let (basic_id, secret) =
                value.to_str().ok().and_then(read_basic).ok_or(OAuthEndpointError::InvalidClient)?;
            if id.is_some_and(|id| id != basic_id) {
                return Err(OAuthEndpointError::InvalidClient);
            }
            (basic_id, secret)
        }
        (None, (Some(id), Some(secret))) => (id.to_owned(), secret.to_owned()),
        (None, _) => return Err(OAuthEndpointError::InvalidClient),
    };
    let client = sandbox.client();
    (client.secret.matches(&secret) && client.id == id).then_some(()).ok_or(OAuthEndpointError::InvalidClient)
}

fn read_basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (form_decode(id), form_decode(secret)))
}

/// Both halves are form-encoded before they are joined, because an id may contain a colon.
fn form_decode(text: &str) -> String {
    form_urlencoded::parse(format!("={text}").as_bytes()).map(|(_, value)| value).collect()
}
