//! `/{face}/revoke`: RFC 7009, and the variants of other providers.

use axum::{
    Json,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Map;

use super::{
    client::authenticate,
    error::{NO_STORE, OAuthEndpointError},
    resource::{bearer, live_grant},
};
use crate::{
    page::ProfilePath,
    params::Params,
    profile::{ProviderProfile, Revocation},
    sandbox::Sandbox,
};

/// Revokes the complete grant of a token, if the request has the provider's format.
pub(super) async fn revoke(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let query = Params::parse(query.unwrap_or_default().as_bytes());
    let form = Params::parse(&body);
    let revoked = match (face.revocation, method) {
        (Revocation::Form, Method::POST) => by_client(&sandbox, face, &headers, &form),
        (Revocation::Basic, Method::POST) => {
            require_basic_auth(&headers).and_then(|()| by_client(&sandbox, face, &headers, &form))
        }
        (Revocation::TokenAlone, Method::POST) => by_token(&sandbox, face, &form, "token"),
        (Revocation::Query(name), Method::POST) => by_token(&sandbox, face, &query, name),
        (Revocation::DeleteBearer, Method::DELETE) => {
            return by_bearer(&sandbox, face, &headers, StatusCode::NO_CONTENT);
        }
        (Revocation::GetBearer, Method::GET) => match check_client_id(&sandbox, &query) {
            Ok(()) => return by_bearer(&sandbox, face, &headers, StatusCode::OK),
            Err(error) => Err(error),
        },
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    match revoked {
        Ok(()) => (NO_STORE, Json(face.envelope.wrap(Map::new()))).into_response(),
        Err(error) => error.to_response(face),
    }
}

fn require_basic_auth(headers: &HeaderMap) -> Result<(), OAuthEndpointError> {
    headers.contains_key(header::AUTHORIZATION).then_some(()).ok_or(OAuthEndpointError::InvalidClient)
}

fn check_client_id(sandbox: &Sandbox, query: &Params) -> Result<(), OAuthEndpointError> {
    let is_client = query.at_most_one("client_id")? == Some(sandbox.client().id.as_str());
    is_client.then_some(()).ok_or(OAuthEndpointError::InvalidClient)
}

/// The response for an unknown token is the same as for any other (RFC 7009, section 2.2).
fn by_client(
    sandbox: &Sandbox,
    face: &ProviderProfile,
    headers: &HeaderMap,
    form: &Params,
) -> Result<(), OAuthEndpointError> {
    authenticate(sandbox, headers, form)?;
    let token = form.at_most_one("token")?.ok_or(OAuthEndpointError::Missing("token"))?;
    sandbox.token_store().revoke_token(face, token);
    Ok(())
}

fn by_token(
    sandbox: &Sandbox,
    face: &ProviderProfile,
    params: &Params,
    name: &'static str,
) -> Result<(), OAuthEndpointError> {
    let token = params.at_most_one(name)?.ok_or(OAuthEndpointError::Missing(name))?;
    sandbox.token_store().revoke_token(face, token).then_some(()).ok_or(OAuthEndpointError::InvalidToken)
}

fn by_bearer(sandbox: &Sandbox, face: &ProviderProfile, headers: &HeaderMap, success: StatusCode) -> Response {
    if let Err(refusal) = live_grant(sandbox, face, headers) {
        return refusal.into_response();
    }
    bearer(headers).map(|token| sandbox.token_store().revoke_token(face, token));
    (success, NO_STORE).into_response()
}
