//! Tokens for mobile apps.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::{ReferenceId, wire};

use crate::{
    authentication::{ApiKeyAuth, scope},
    error::ApiError,
    params::Query,
};

/// Create a mobile token, under the older name of the call.
///
/// The call remains without an end date, because released SDKs use it.
#[utoipa::path(
    post, path = "/auth/generateAuthToken", tag = "Authentication",
    params(wire::GenerateAuthTokenParams),
    responses(
        (status = 200, description = "The token, valid 180 s for one use", body = wire::AuthToken),
        (status = 400, description = "The reference id is malformed"),
    ),
    security(("dev_id" = [], "api_key" = ["auth:write"])),
)]
pub(crate) async fn generate_auth_token(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::AuthWrite>,
    Query(params): Query<wire::GenerateAuthTokenParams>,
) -> Result<Json<wire::AuthToken>, ApiError> {
    let reference_id = params.reference_id.filter(|text| !text.is_empty());
    let reference_id: Option<ReferenceId> =
        reference_id.map(|text| text.parse()).transpose().map_err(ApiError::bad_request)?;
    Ok(Json(auth.generate_auth_token(&caller.developer, reference_id.as_ref())))
}

/// Create a mobile token, which creates one connection within 180 s.
#[utoipa::path(
    post, path = "/auth/tokens", tag = "Authentication",
    params(wire::GenerateAuthTokenParams),
    responses(
        (status = 200, description = "The token, valid 180 s for one use", body = wire::AuthToken),
        (status = 400, description = "The reference id is malformed"),
    ),
    security(("dev_id" = [], "api_key" = ["auth:write"])),
)]
pub(crate) async fn tokens(
    state: State<Auth>,
    caller: ApiKeyAuth<scope::AuthWrite>,
    params: Query<wire::GenerateAuthTokenParams>,
) -> Result<Json<wire::AuthToken>, ApiError> {
    generate_auth_token(state, caller, params).await
}
