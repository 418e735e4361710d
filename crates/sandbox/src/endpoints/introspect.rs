//! `POST /{face}/introspect`: RFC 7662. Tests use it to check whether a token is active.

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
    error::{NO_STORE, OAuthEndpointError},
};
use crate::{page::ProfilePath, params::Params, sandbox::Sandbox, tokens::IssuedToken};

#[derive(Default, Serialize)]
struct Introspection {
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// For access tokens only: a refresh token has no type (RFC 7662, section 2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

/// Accepts access and refresh tokens of the provider. Introspection does not count as a use.
pub(super) async fn introspect(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    headers: HeaderMap,
    RawForm(body): RawForm,
) -> Response {
    let params = Params::parse(&body);
    let known = || {
        authenticate(&sandbox, &headers, &params)?;
        let token = params.at_most_one("token")?.ok_or(OAuthEndpointError::Missing("token"))?;
        Ok(sandbox.token_store().inspect(face, token, sandbox.now()))
    };
    match known() {
        Ok(known) => (NO_STORE, Json(known.map(introspection_of).unwrap_or_default())).into_response(),
        Err(error) => OAuthEndpointError::to_response(&error, face),
    }
}

fn introspection_of(known: IssuedToken) -> Introspection {
    Introspection {
        active: true,
        scope: Some(known.grant.scopes.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ")),
        sub: Some(known.grant.account.id),
        token_type: known.is_access_token.then_some("Bearer"),
        exp: known.expires_at.map(Timestamp::as_second),
    }
}
