//! The vault: its keys, and their rotation while the server goes on.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::wire::{
    self,
    admin::{RotatedMasterKey, VaultRotation, VaultStatus},
};

use crate::{authentication::AdminAuth, error::ApiError};

/// Show the keys that seal and mark, without the keys themselves, and how far the newest rotation is.
#[utoipa::path(
    get, path = "/vault", tag = "Administration",
    responses(
        (status = 200, description = "The keys", body = wire::admin::VaultStatus),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn vault_status(State(auth): State<Auth>, _: AdminAuth) -> Result<Json<VaultStatus>, ApiError> {
    Ok(Json(auth.vault_status().await?))
}

/// Show how far the newest rotation is.
#[utoipa::path(
    get, path = "/vault/rotation", tag = "Administration",
    responses(
        (status = 200, description = "Its state, and the progress of this node", body = wire::admin::VaultRotation),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn vault_rotation(State(auth): State<Auth>, _: AdminAuth) -> Result<Json<VaultRotation>, ApiError> {
    Ok(Json(auth.vault_rotation().await?))
}

/// Seal everything with a new data key, while everything goes on. Needs the role owner.
///
/// Ends a rotation that was cut off, if there is one; one that runs goes on. The answer does not wait for its end.
#[utoipa::path(
    post, path = "/vault/rotation", tag = "Administration",
    responses(
        (status = 202, description = "It is under way", body = wire::admin::VaultRotation),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn begin_rotation(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
) -> Result<(StatusCode, Json<VaultRotation>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(auth.begin_rotation(&admin).await?)))
}

/// Read the master keys again from where they came, and wrap all data keys with the first one. Needs the role owner.
///
/// For a file and a command: the environment of a process does not change, so it must be started again with the new key.
#[utoipa::path(
    post, path = "/vault/master-key/rotate", tag = "Administration",
    responses(
        (status = 200, description = "The master key that wraps all data keys now", body = wire::admin::RotatedMasterKey),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The master keys cannot be read again", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn rotate_master_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
) -> Result<Json<RotatedMasterKey>, ApiError> {
    Ok(Json(auth.rotate_master_key(&admin).await?))
}
