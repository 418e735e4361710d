//! `GET /{face}/userinfo`: the account of an access token.

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde_json::json;

use super::{
    error::NO_STORE,
    resource::{ResourceError, live_grant},
};
use crate::{page::ProfilePath, profile::AccountIdField, sandbox::Sandbox};

/// Returns the account id. A provider that normally returns it elsewhere returns it here as `sub`.
pub(super) async fn userinfo(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ResourceError> {
    let grant = live_grant(&sandbox, face, &headers)?;
    let field = match face.identity {
        AccountIdField::Userinfo(field) => field,
        AccountIdField::TokenResponse(_) | AccountIdField::Claim(_) => "sub",
    };
    Ok((NO_STORE, Json(json!({ field: grant.account.id }))))
}
