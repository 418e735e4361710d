//! API keys. An environment can have several, so that one replaces another without a gap.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId, KeyId,
    wire::{
        self,
        admin::{AdminKey, AdminKeys, CreateKey, IssuedKey, RetireKey},
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Params, Path, Query},
};

/// List the keys of an environment, including expired ones.
#[utoipa::path(
    get, path = "/environments/{dev_id}/keys", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses((status = 200, description = "All keys, oldest first", body = wire::admin::AdminKeys)),
    security(("admin" = [])),
)]
pub(crate) async fn list_api_keys(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<AdminKeys>, ApiError> {
    Ok(Json(AdminKeys { keys: auth.list_api_keys(&dev_id).await? }))
}

/// Create an API key. Needs the role operator.
#[utoipa::path(
    post, path = "/environments/{dev_id}/keys", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::CreateKey,
    responses(
        (status = 201, description = "The key, shown once", body = wire::admin::IssuedKey),
        (status = 409, description = "The environment has 100 keys"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn create_api_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(new): params::Json<CreateKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.create_api_key(&admin, &dev_id, &new).await?)))
}

/// Rotate a key: create one with the same name and scopes. Needs the role operator.
///
/// By default, both keys are valid for one day.
#[utoipa::path(
    post, path = "/environments/{dev_id}/keys/{key_id}/rotate", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("key_id" = uuid::Uuid, Path, description = "The key")),
    request_body(content = Option<RetireKey>, description = "Every field is optional"),
    responses(
        (status = 201, description = "The new key, shown once", body = wire::admin::IssuedKey),
        (status = 404, description = "There is no such environment, or no such valid key"),
        (status = 409, description = "The environment has 100 keys"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn rotate_api_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, key_id)): Path<(DevId, KeyId)>,
    Params(how): Params<RetireKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.rotate_api_key(&admin, &dev_id, key_id, how).await?)))
}

/// Revoke a key, by default at once. Needs the role operator.
///
/// A key that was used in the last five minutes is revoked only with `force`, or with `now` if it leaked.
#[utoipa::path(
    delete, path = "/environments/{dev_id}/keys/{key_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("key_id" = uuid::Uuid, Path, description = "The key"), RetireKey),
    responses(
        (status = 200, description = "The key, with its expiry", body = wire::admin::AdminKey),
        (status = 404, description = "There is no such environment, or no such valid key"),
        (status = 409, description = "The key is in use"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn revoke_api_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, key_id)): Path<(DevId, KeyId)>,
    Query(how): Query<RetireKey>,
) -> Result<Json<AdminKey>, ApiError> {
    Ok(Json(auth.revoke_api_key(&admin, &dev_id, key_id, how).await?))
}
