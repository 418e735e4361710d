//! API keys: several at once, so that one can replace another while both work.

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

/// List the keys of an environment, ended ones too.
#[utoipa::path(
    get, path = "/environments/{dev_id}/keys", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses(
        (status = 200, description = "All keys, oldest first", body = wire::admin::AdminKeys),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn list_api_keys(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<AdminKeys>, ApiError> {
    Ok(Json(AdminKeys { keys: auth.list_api_keys(&dev_id).await? }))
}

/// Give an environment one more key. Needs the role operator.
#[utoipa::path(
    post, path = "/environments/{dev_id}/keys", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::CreateKey,
    responses(
        (status = 201, description = "The key, shown once", body = wire::admin::IssuedKey),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are 100 keys", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn create_api_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(new): params::Json<CreateKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.create_api_key(&admin, &dev_id, &new).await?)))
}

/// Replace a key by one with the same name and scopes. Needs the role operator.
///
/// Both work for a day, unless told otherwise.
#[utoipa::path(
    post, path = "/environments/{dev_id}/keys/{key_id}/rotate", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("key_id" = uuid::Uuid, Path, description = "The key")),
    request_body(content = Option<RetireKey>, description = "Every field is optional"),
    responses(
        (status = 201, description = "The new key, shown once", body = wire::admin::IssuedKey),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no such key that works", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are 100 keys", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn rotate_api_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, key_id)): Path<(DevId, KeyId)>,
    Params(how): Params<RetireKey>,
) -> Result<(StatusCode, Json<IssuedKey>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.rotate_api_key(&admin, &dev_id, key_id, how).await?)))
}

/// End a key, at once unless told otherwise. Needs the role operator.
///
/// One that was used in the last five minutes is ended only with `force`, or with `now` because it leaked.
#[utoipa::path(
    delete, path = "/environments/{dev_id}/keys/{key_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("key_id" = uuid::Uuid, Path, description = "The key"), RetireKey),
    responses(
        (status = 200, description = "The key, and when it ends", body = wire::admin::AdminKey),
        (status = 400, description = "A parameter is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no such key that works", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The key is in use", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn revoke_api_key(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, key_id)): Path<(DevId, KeyId)>,
    Query(how): Query<RetireKey>,
) -> Result<Json<AdminKey>, ApiError> {
    Ok(Json(auth.revoke_api_key(&admin, &dev_id, key_id, how).await?))
}
