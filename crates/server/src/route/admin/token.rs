//! Admin tokens.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::wire::{
    self,
    admin::{AdminTokens, CreateAdminToken, IssuedAdminToken},
};
use uuid::Uuid;

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Path},
};

/// List all admin tokens. Needs the role owner.
#[utoipa::path(
    get, path = "/tokens", tag = "Administration",
    responses((status = 200, description = "All tokens, oldest first", body = wire::admin::AdminTokens)),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn list_admin_tokens(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
) -> Result<Json<AdminTokens>, ApiError> {
    Ok(Json(AdminTokens { tokens: auth.list_admin_tokens(&admin).await? }))
}

/// Create a named admin token. Needs the role owner.
#[utoipa::path(
    post, path = "/tokens", tag = "Administration",
    request_body = wire::admin::CreateAdminToken,
    responses(
        (status = 201, description = "The token, shown once", body = wire::admin::IssuedAdminToken),
        (status = 409, description = "There are 100 tokens already"),
    ),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn create_admin_token(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    params::Json(new): params::Json<CreateAdminToken>,
) -> Result<(StatusCode, Json<IssuedAdminToken>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.create_admin_token(&admin, &new).await?)))
}

/// Revoke an admin token at once. Needs the role owner.
#[utoipa::path(
    delete, path = "/tokens/{token_id}", tag = "Administration",
    params(("token_id" = Uuid, Path, description = "The token's id")),
    responses(
        (status = 204, description = "The token is revoked"),
        (status = 404, description = "There is no such token"),
        (status = 409, description = "This is the last owner token"),
    ),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn revoke_admin_token(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(token_id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    auth.revoke_admin_token(&admin, token_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
