//! `GET /{face}/userinfo`: whose account an access token opens.

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde::Serialize;

use super::{
    error::NO_STORE,
    resource::{ResourceError, live_grant},
};
use crate::{page::OnFace, sandbox::Sandbox};

#[derive(Serialize)]
struct Userinfo {
    sub: String,
}

pub(super) async fn userinfo(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ResourceError> {
    let grant = live_grant(&sandbox, face, &headers)?;
    Ok((NO_STORE, Json(Userinfo { sub: grant.account.id })))
}
