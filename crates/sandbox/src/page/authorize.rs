//! `GET /{face}/authorize`: the first page, to which the app redirects the user.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{ProfilePath, RedirectTarget, login::show_login, show_error};
use crate::{
    params::{Params, RepeatedParameter},
    profile::{GrantedScopes, Pkce, ProviderProfile, Scope},
    sandbox::Sandbox,
    tokens::PendingAuthorization,
};

/// The maximum length of the query, because the request is stored while the user signs in.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// Stores the request under a random handle and shows the sign-in page.
pub(super) async fn authorize(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return show_error(&sandbox, StatusCode::URI_TOO_LONG, "The request is too long.");
    }
    let params = Params::parse(query.as_bytes());
    let return_address = match return_address(&sandbox, face, &params) {
        Ok(return_address) => return_address,
        Err(error) => return show_error(&sandbox, StatusCode::BAD_REQUEST, &format!("{error}.")),
    };
    match read_request(face, &params) {
        Ok((scopes, challenge)) => {
            let added_at = sandbox.now();
            let pending = PendingAuthorization { face, return_address, scopes, challenge, account: None, added_at };
            let handle = sandbox.generate_secret();
            sandbox.token_store().add_pending(&handle, pending);
            show_login(&sandbox, face, &handle)
        }
        Err(error) => {
            let description = error.to_string();
            return_address.send(&[("error", error.code()), ("error_description", &description)]).into_response()
        }
    }
}

/// The reason why the browser must not be redirected to the app. The user sees it.
#[derive(Debug, thiserror::Error)]
enum InvalidRedirectUri {
    #[error(transparent)]
    Repeated(#[from] RepeatedParameter),
    #[error("The app is unknown: its client_id is missing or not the registered one")]
    UnknownClient,
    #[error("The redirect_uri is missing or not one that the app registered")]
    UnknownRedirectUri,
}

/// The reason why a request is rejected. The app gets it in the redirect.
#[derive(Debug, thiserror::Error)]
enum AuthorizeError {
    #[error(transparent)]
    Repeated(#[from] RepeatedParameter),
    #[error("response_type must be code")]
    UnsupportedResponseType,
    #[error("PKCE requires a code_challenge of 43 characters and the code_challenge_method S256")]
    NoChallenge,
    #[error("a requested scope is unknown")]
    InvalidScope,
}

impl AuthorizeError {
    fn code(&self) -> &'static str {
        match self {
            Self::Repeated(_) | Self::NoChallenge => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
        }
    }
}

fn return_address(
    sandbox: &Sandbox,
    face: &ProviderProfile,
    params: &Params,
) -> Result<RedirectTarget, InvalidRedirectUri> {
    if params.at_most_one("client_id")? != Some(&sandbox.client().id) {
        return Err(InvalidRedirectUri::UnknownClient);
    }
    let asked = params.at_most_one("redirect_uri")?;
    let registered = sandbox.redirect_uris().iter().find(|uri| asked == Some(uri.as_str()));
    Ok(RedirectTarget {
        redirect_uri: registered.ok_or(InvalidRedirectUri::UnknownRedirectUri)?.clone(),
        state: params.at_most_one("state")?.map(str::to_owned),
        issuer: sandbox.issuer(face).into(),
    })
}

fn read_request(
    face: &ProviderProfile,
    params: &Params,
) -> Result<(Vec<&'static Scope>, Option<String>), AuthorizeError> {
    if params.at_most_one("response_type")? != Some("code") {
        return Err(AuthorizeError::UnsupportedResponseType);
    }
    let challenge = read_challenge(face, params)?;
    let scopes = match params.at_most_one("scope")?.filter(|_| face.granted_scopes != GrantedScopes::NotReported) {
        Some(text) => face.parse_scopes(text).ok_or(AuthorizeError::InvalidScope)?,
        None => face.scopes.iter().collect(),
    };
    Ok((scopes, challenge))
}

/// Parses the PKCE challenge. PKCE parameters must be valid; they may be absent unless the provider requires PKCE.
fn read_challenge(face: &ProviderProfile, params: &Params) -> Result<Option<String>, AuthorizeError> {
    match (params.at_most_one("code_challenge")?, params.at_most_one("code_challenge_method")?) {
        (Some(challenge), Some("S256")) if is_challenge(challenge) => Ok(Some(challenge.to_owned())),
        (None, None) if face.pkce == Pkce::Optional => Ok(None),
        _ => Err(AuthorizeError::NoChallenge),
    }
}

/// A SHA-256 digest in unpadded base64url has 43 characters.
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
