//! `/{face}/revoke`: RFC 7009, and what others do in its place.

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
    error::{ChannelError, NO_STORE},
    resource::{bearer, live_grant},
};
use crate::{
    face::{Face, Revocation},
    page::OnFace,
    params::Params,
    sandbox::Sandbox,
};

/// Revokes the whole grant behind a token, as the face wants to be asked.
pub(super) async fn revoke(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
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
            proven_by_basic(&headers).and_then(|()| by_client(&sandbox, face, &headers, &form))
        }
        (Revocation::TokenAlone, Method::POST) => by_token(&sandbox, face, &form, "token"),
        (Revocation::Query(name), Method::POST) => by_token(&sandbox, face, &query, name),
        (Revocation::DeleteBearer, Method::DELETE) => {
            return by_bearer(&sandbox, face, &headers, StatusCode::NO_CONTENT);
        }
        (Revocation::GetBearer, Method::GET) => match named(&sandbox, &query) {
            Ok(()) => return by_bearer(&sandbox, face, &headers, StatusCode::OK),
            Err(error) => Err(error),
        },
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    };
    match revoked {
        Ok(()) => (NO_STORE, Json(face.envelope.wrap(Map::new()))).into_response(),
        Err(error) => error.answer(face),
    }
}

fn proven_by_basic(headers: &HeaderMap) -> Result<(), ChannelError> {
    headers.contains_key(header::AUTHORIZATION).then_some(()).ok_or(ChannelError::InvalidClient)
}

fn named(sandbox: &Sandbox, query: &Params) -> Result<(), ChannelError> {
    let is_client = query.one("client_id")? == Some(sandbox.client().id.as_str());
    is_client.then_some(()).ok_or(ChannelError::InvalidClient)
}

/// A token that nobody knows is answered like any other (RFC 7009, section 2.2).
fn by_client(sandbox: &Sandbox, face: &Face, headers: &HeaderMap, form: &Params) -> Result<(), ChannelError> {
    authenticate(sandbox, headers, form)?;
    let token = form.one("token")?.ok_or(ChannelError::Missing("token"))?;
    sandbox.ledger().revoke_token(face, token);
    Ok(())
}

fn by_token(sandbox: &Sandbox, face: &Face, params: &Params, name: &'static str) -> Result<(), ChannelError> {
    let token = params.one(name)?.ok_or(ChannelError::Missing(name))?;
    sandbox.ledger().revoke_token(face, token).then_some(()).ok_or(ChannelError::InvalidToken)
}

fn by_bearer(sandbox: &Sandbox, face: &Face, headers: &HeaderMap, success: StatusCode) -> Response {
    if let Err(refusal) = live_grant(sandbox, face, headers) {
        return refusal.into_response();
    }
    bearer(headers).map(|token| sandbox.ledger().revoke_token(face, token));
    (success, NO_STORE).into_response()
}
