//! `GET /{face}/userinfo`: whose account an access token opens.

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde_json::json;

use super::{
    error::NO_STORE,
    resource::{ResourceError, live_grant},
};
use crate::{face::Identity, page::OnFace, sandbox::Sandbox};

/// A face that tells the account elsewhere has it here too, in `sub`.
pub(super) async fn userinfo(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ResourceError> {
    let grant = live_grant(&sandbox, face, &headers)?;
    let field = match face.identity {
        Identity::Userinfo(field) => field,
        Identity::TokenAnswer(_) | Identity::Claim(_) => "sub",
    };
    Ok((NO_STORE, Json(json!({ field: grant.account.id }))))
}
