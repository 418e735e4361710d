//! The vault: its keys and their rotation.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::wire::{
    self,
    admin::{RotatedMasterKey, VaultRotation, VaultStatus},
};

use crate::{authentication::AdminAuth, error::ApiError};

/// Show the ids of the keys in use, and the progress of the latest rotation.
#[utoipa::path(
    get, path = "/vault", tag = "Administration",
    responses((status = 200, description = "The keys", body = wire::admin::VaultStatus)),
    security(("admin" = [])),
)]
pub(crate) async fn vault_status(State(auth): State<Auth>, _: AdminAuth) -> Result<Json<VaultStatus>, ApiError> {
    Ok(Json(auth.vault_status().await?))
}

/// Show the progress of the latest rotation.
#[utoipa::path(
    get, path = "/vault/rotation", tag = "Administration",
    responses(
        (status = 200, description = "The state of the rotation, and the progress of this node", body = wire::admin::VaultRotation),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn vault_rotation(State(auth): State<Auth>, _: AdminAuth) -> Result<Json<VaultRotation>, ApiError> {
    Ok(Json(auth.vault_rotation().await?))
}

/// Rotate the data key: encrypt all values with a new one while the server runs. Needs the role owner.
///
/// Continues an interrupted rotation, and does not affect a running one. The response does not wait for the end.
#[utoipa::path(
    post, path = "/vault/rotation", tag = "Administration",
    responses((status = 202, description = "The rotation is running", body = wire::admin::VaultRotation)),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn begin_rotation(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
) -> Result<(StatusCode, Json<VaultRotation>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(auth.begin_rotation(&admin).await?)))
}

/// Rotate the master key: read the master keys again, and wrap all data keys with the first one. Needs the role owner.
///
/// Works for keys from a file or a command. Keys from an environment variable need a restart instead.
#[utoipa::path(
    post, path = "/vault/master-key/rotate", tag = "Administration",
    responses(
        (status = 200, description = "The master key that now wraps all data keys", body = wire::admin::RotatedMasterKey),
        (status = 409, description = "The master keys cannot be read again"),
    ),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn rotate_master_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
) -> Result<Json<RotatedMasterKey>, ApiError> {
    Ok(Json(auth.rotate_master_key(&admin).await?))
}
