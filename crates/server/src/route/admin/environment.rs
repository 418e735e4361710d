//! Creates, lists, changes and deletes environments.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::{
    Auth,
    developer::{IssuedCredentials, NewDeveloper},
};
use terra_auth_types::{
    DevId,
    wire::{
        self,
        admin::{
            AdminEnvironment, AdminEnvironments, ChangeEnvironment, CreateEnvironment, DeleteEnvironmentParams,
            EnvironmentContents, IssuedEnvironment, RotateSigningSecret, RotatedSigningSecret,
        },
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Params, Path, Query},
};

/// List all environments.
#[utoipa::path(
    get, path = "/environments", tag = "Administration",
    responses((status = 200, description = "All environments, by dev-id", body = wire::admin::AdminEnvironments)),
    security(("admin" = [])),
)]
pub(crate) async fn list_environments(
    State(auth): State<Auth>,
    _: AdminAuth,
) -> Result<Json<AdminEnvironments>, ApiError> {
    Ok(Json(AdminEnvironments { environments: auth.list_environments().await? }))
}

/// Create an environment with its first key, which is shown once. Needs the role owner.
#[utoipa::path(
    post, path = "/environments", tag = "Administration",
    request_body = wire::admin::CreateEnvironment,
    responses((status = 201, description = "Its credentials, shown once", body = wire::admin::IssuedEnvironment)),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn create_environment(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    params::Json(new): params::Json<CreateEnvironment>,
) -> Result<(StatusCode, Json<IssuedEnvironment>), ApiError> {
    let CreateEnvironment { environment, name, bound_tokens_only } = new;
    let new = NewDeveloper { environment, name, destination: None, bound_tokens_only };
    let IssuedCredentials { dev_id, api_key, signing_secret } = auth.create_developer(&admin, new).await?;
    Ok((StatusCode::CREATED, Json(IssuedEnvironment { dev_id, api_key, signing_secret })))
}

/// Show one environment.
#[utoipa::path(
    get, path = "/environments/{dev_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses((status = 200, description = "The environment", body = wire::admin::AdminEnvironment)),
    security(("admin" = [])),
)]
pub(crate) async fn environment(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<AdminEnvironment>, ApiError> {
    Ok(Json(auth.environment(&dev_id).await?))
}

/// Rename, disable, enable or otherwise change an environment. Needs the role operator.
///
/// An absent field does not change; `null` clears it.
#[utoipa::path(
    patch, path = "/environments/{dev_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::ChangeEnvironment,
    responses((status = 200, description = "The environment as it is now", body = wire::admin::AdminEnvironment)),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn change_environment(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(change): params::Json<ChangeEnvironment>,
) -> Result<Json<AdminEnvironment>, ApiError> {
    Ok(Json(auth.change_environment(&admin, &dev_id, &change).await?))
}

/// Delete an environment with everything in it. Needs the role owner.
///
/// The counts are those of its contents: no admin deletes more than the confirmation listed.
#[utoipa::path(
    delete, path = "/environments/{dev_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), DeleteEnvironmentParams),
    responses(
        (status = 204, description = "The environment is deleted; its grants are revoked in the background"),
        (status = 409, description = "The counts are missing or no longer true; the detail names them"),
    ),
    security(("admin" = ["owner"])),
)]
pub(crate) async fn delete_environment(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    Query(params): Query<DeleteEnvironmentParams>,
) -> Result<StatusCode, ApiError> {
    auth.delete_environment(&admin, &dev_id, params.confirmed()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Count the contents of an environment, which a deletion removes.
#[utoipa::path(
    get, path = "/environments/{dev_id}/contents", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses((status = 200, description = "The counts", body = wire::admin::EnvironmentContents)),
    security(("admin" = [])),
)]
pub(crate) async fn environment_contents(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<EnvironmentContents>, ApiError> {
    Ok(Json(auth.environment_contents(&dev_id).await?))
}

/// Replace the secret that signs an environment's events. Needs the role operator.
///
/// By default, the old secret signs for one more day, so that receivers can be configured with the new one.
#[utoipa::path(
    post, path = "/environments/{dev_id}/signing-secret/rotate", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body(content = Option<wire::admin::RotateSigningSecret>, description = "Every field is optional"),
    responses(
        (status = 201, description = "The new secret, shown once", body = wire::admin::RotatedSigningSecret),
        (status = 409, description = "A secret rotation is in progress"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn rotate_signing_secret(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    Params(how): Params<RotateSigningSecret>,
) -> Result<(StatusCode, Json<RotatedSigningSecret>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.rotate_signing_secret(&admin, &dev_id, how).await?)))
}
