//! `POST /{face}/introspect`: RFC 7662, for tests that want to know whether a token lives.

use axum::{
    Json,
    extract::{RawForm, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    client::authenticate,
    error::{ChannelError, NO_STORE},
};
use crate::{ledger::Known, page::OnFace, params::Params, sandbox::Sandbox};

#[derive(Default, Serialize)]
struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// Access tokens only: a refresh token has no type (RFC 7662, section 2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

/// Takes access and refresh tokens of the face; looking uses up nothing.
pub(super) async fn introspect(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    let params = Params::parse(&body);
    let known = || {
        authenticate(&sandbox, &headers, &params)?;
        let token = params.one("token")?.ok_or(ChannelError::Missing("token"))?;
        Ok(sandbox.ledger().look(face, token, sandbox.now()))
    };
    match known() {
        Ok(known) => (NO_STORE, Json(known.map(told).unwrap_or_default())).into_response(),
        Err(error) => ChannelError::answer(&error, face),
    }
}

fn told(known: Known) -> Introspection {
    Introspection {
        active: true,
        scope: Some(known.grant.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ")),
        sub: Some(known.grant.account.id),
        token_type: known.is_access_token.then_some("Bearer"),
        exp: known.expires_at.map(Timestamp::as_second),
    }
}
