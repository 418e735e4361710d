//! `GET /{face}/authorize`: where a person arrives from the app.

use axum::{
    extract::{RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{OnFace, ReturnAddress, login::show_login, show_error};
use crate::{
    face::{Face, GrantedScopes, Pkce, Scope},
    ledger::Pending,
    params::{Params, Repeated},
    sandbox::Sandbox,
};

/// A longer query is refused, because it would be kept while the person signs in.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// Keeps the request under a random handle and shows the sign-in page.
pub(super) async fn authorize(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
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
            let pending = Pending { face, return_address, scopes, challenge, account: None, added_at };
            let handle = sandbox.draw_secret();
            sandbox.ledger().add_pending(&handle, pending);
            show_login(&sandbox, face, &handle)
        }
        Err(error) => {
            let description = error.to_string();
            return_address.send(&[("error", error.code()), ("error_description", &description)]).into_response()
        }
    }
}

/// Why the browser may not be sent back. A person reads it.
#[derive(Debug, thiserror::Error)]
enum NoReturnAddress {
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("The app is unknown here: its client_id is missing or not the registered one")]
    UnknownClient,
    #[error("The redirect_uri is missing or not one that the app registered")]
    UnknownRedirectUri,
}

/// Why a request is refused; the app reads it in the redirect.
#[derive(Debug, thiserror::Error)]
enum AuthorizeError {
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("response_type must be code")]
    UnsupportedResponseType,
    #[error("PKCE needs a code_challenge of 43 characters with code_challenge_method S256")]
    NoChallenge,
    #[error("a requested scope is unknown here")]
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

fn return_address(sandbox: &Sandbox, face: &Face, params: &Params) -> Result<ReturnAddress, NoReturnAddress> {
    if params.one("client_id")? != Some(&sandbox.client().id) {
        return Err(NoReturnAddress::UnknownClient);
    }
    let asked = params.one("redirect_uri")?;
    let registered = sandbox.redirect_uris().iter().find(|uri| asked == Some(uri.as_str()));
    Ok(ReturnAddress {
        redirect_uri: registered.ok_or(NoReturnAddress::UnknownRedirectUri)?.clone(),
        state: params.one("state")?.map(str::to_owned),
        issuer: sandbox.issuer(face).into(),
    })
}

fn read_request(face: &Face, params: &Params) -> Result<(Vec<&'static Scope>, Option<String>), AuthorizeError> {
    if params.one("response_type")? != Some("code") {
        return Err(AuthorizeError::UnsupportedResponseType);
    }
    let challenge = read_challenge(face, params)?;
    let scopes = match params.one("scope")?.filter(|_| face.granted_scopes != GrantedScopes::Untold) {
        Some(text) => face.parse_scopes(text).ok_or(AuthorizeError::InvalidScope)?,
        None => face.scopes.iter().collect(),
    };
    Ok((scopes, challenge))
}

/// Who begins with PKCE has to do it right; who does without may, unless the face wants it.
fn read_challenge(face: &Face, params: &Params) -> Result<Option<String>, AuthorizeError> {
    match (params.one("code_challenge")?, params.one("code_challenge_method")?) {
        (Some(challenge), Some("S256")) if is_challenge(challenge) => Ok(Some(challenge.to_owned())),
        (None, None) if face.pkce == Pkce::Optional => Ok(None),
        _ => Err(AuthorizeError::NoChallenge),
    }
}

/// A SHA-256 digest in unpadded base64url has 43 characters.
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
