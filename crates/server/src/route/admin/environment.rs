//! Environments: made, changed, emptied and gone.

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
    responses(
        (status = 200, description = "All environments, by dev-id", body = wire::admin::AdminEnvironments),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn list_environments(
    State(auth): State<Auth>,
    _: AdminAuth,
) -> Result<Json<AdminEnvironments>, ApiError> {
    Ok(Json(AdminEnvironments { environments: auth.list_environments().await? }))
}

/// Make an environment with its first key, which is shown once. Needs the role owner.
#[utoipa::path(
    post, path = "/environments", tag = "Administration",
    request_body = wire::admin::CreateEnvironment,
    responses(
        (status = 201, description = "Its credentials, shown once", body = wire::admin::IssuedEnvironment),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
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
    responses(
        (status = 200, description = "The environment", body = wire::admin::AdminEnvironment),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
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
/// A field that is absent stays; `null` clears it.
#[utoipa::path(
    patch, path = "/environments/{dev_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::ChangeEnvironment,
    responses(
        (status = 200, description = "The environment as it is now", body = wire::admin::AdminEnvironment),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
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
        (status = 204, description = "It is gone; its grants are revoked in the background"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below owner", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "The counts are missing or no longer true; the detail names them", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
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

/// Count what would be lost with an environment.
#[utoipa::path(
    get, path = "/environments/{dev_id}/contents", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses(
        (status = 200, description = "The counts", body = wire::admin::EnvironmentContents),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
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
/// For a day, unless told otherwise, the old one goes on signing, so that receivers can be given the new one meanwhile.
#[utoipa::path(
    post, path = "/environments/{dev_id}/signing-secret/rotate", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body(content = Option<wire::admin::RotateSigningSecret>, description = "Every field is optional"),
    responses(
        (status = 201, description = "The new secret, shown once", body = wire::admin::RotatedSigningSecret),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "One secret is replacing another already", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn rotate_signing_secret(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    Params(how): Params<RotateSigningSecret>,
) -> Result<(StatusCode, Json<RotatedSigningSecret>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.rotate_signing_secret(&admin, &dev_id, how).await?)))
}
