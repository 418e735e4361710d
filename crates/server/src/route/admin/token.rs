//! The tokens of other admins.

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
    responses(
        (status = 200, description = "All tokens, oldest first", body = wire::admin::AdminTokens),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn list_admin_tokens(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
) -> Result<Json<AdminTokens>, ApiError> {
    Ok(Json(AdminTokens { tokens: auth.list_admin_tokens(&admin).await? }))
}

/// Make a named admin token. Needs the role owner.
#[utoipa::path(
    post, path = "/tokens", tag = "Administration",
    request_body = wire::admin::CreateAdminToken,
    responses(
        (status = 201, description = "The token, shown once", body = wire::admin::IssuedAdminToken),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are 100 tokens", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn create_admin_token(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    params::Json(new): params::Json<CreateAdminToken>,
) -> Result<(StatusCode, Json<IssuedAdminToken>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.create_admin_token(&admin, &new).await?)))
}

/// End an admin token at once. Needs the role owner.
#[utoipa::path(
    delete, path = "/tokens/{token_id}", tag = "Administration",
    params(("token_id" = Uuid, Path, description = "The token's id")),
    responses(
        (status = 204, description = "It no longer works"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such token", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is the last owner's", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn revoke_admin_token(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(token_id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    auth.revoke_admin_token(&admin, token_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
