//! `GET /{face}/userinfo`: whose account an access token opens.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::error::NO_STORE;
use crate::{page::OnFace, sandbox::Sandbox};

#[derive(Serialize)]
struct Userinfo {
    sub: String,
}

pub(super) async fn userinfo(State(sandbox): State<Sandbox>, OnFace(face): OnFace, headers: HeaderMap) -> Response {
    let Some(token) = bearer(&headers) else { return refuse(r#"Bearer realm="sandbox""#) };
    let (ttl, now) = (sandbox.access_token_ttl(), sandbox.now());
    match sandbox.ledger().grant_of_access_token(face, token, ttl, now) {
        Some(grant) => (NO_STORE, Json(Userinfo { sub: grant.account.id.clone() })).into_response(),
        None => refuse(r#"Bearer realm="sandbox", error="invalid_token""#),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// RFC 6750, section 3: a call without a token learns no error code.
fn refuse(challenge: &'static str) -> Response {
    (StatusCode::UNAUTHORIZED, NO_STORE, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}
