//! The apps that an environment has of its own at the providers.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId, Provider,
    wire::{
        self,
        admin::{AdminProviderApp, AdminProviderApps, ProviderAppCheck, RotateProviderApp, SetProviderApp},
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Path},
};

/// List the apps that an environment has of its own at the providers; of each secret its last four characters.
#[utoipa::path(
    get, path = "/environments/{dev_id}/provider-apps", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses(
        (status = 200, description = "Its apps, by provider", body = wire::admin::AdminProviderApps),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn list_provider_apps(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<AdminProviderApps>, ApiError> {
    Ok(Json(AdminProviderApps { apps: auth.list_provider_apps(&dev_id).await? }))
}

/// Give an environment its own app at a provider, in the place of the server's or of an earlier one. Needs the role operator.
///
/// Grants belong to a client id: those made with another one can no longer be refreshed. For a new secret, rotate.
#[utoipa::path(
    put, path = "/environments/{dev_id}/provider-apps/{provider}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    request_body = wire::admin::SetProviderApp,
    responses(
        (status = 200, description = "The app, without its secrets", body = wire::admin::AdminProviderApp),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no login at that provider", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn set_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
    params::Json(set): params::Json<SetProviderApp>,
) -> Result<Json<AdminProviderApp>, ApiError> {
    Ok(Json(auth.set_provider_app(&admin, &dev_id, &provider, &set).await?))
}

/// Replace the secret of an environment's app. Needs the role operator.
///
/// For a day, unless told otherwise, the old one is tried where the provider refuses the new one.
#[utoipa::path(
    post, path = "/environments/{dev_id}/provider-apps/{provider}/rotate", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    request_body = wire::admin::RotateProviderApp,
    responses(
        (status = 200, description = "The app, without its secrets", body = wire::admin::AdminProviderApp),
        (status = 400, description = "A field is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no app of its own there", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn rotate_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
    params::Json(how): params::Json<RotateProviderApp>,
) -> Result<Json<AdminProviderApp>, ApiError> {
    Ok(Json(auth.rotate_provider_app(&admin, &dev_id, &provider, &how).await?))
}

/// Ask the provider whether it knows an environment's app, by each secret that is tried now. Needs the role operator.
///
/// It is sent a login code that it never gave, and says with its refusal whether it minds the code or the app.
#[utoipa::path(
    post, path = "/environments/{dev_id}/provider-apps/{provider}/check", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    responses(
        (status = 200, description = "The provider's verdict on the app", body = wire::admin::ProviderAppCheck),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no app of its own there", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn check_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
) -> Result<Json<ProviderAppCheck>, ApiError> {
    Ok(Json(auth.check_provider_app(&admin, &dev_id, &provider).await?))
}

/// Take an environment's own app away. Needs the role operator.
///
/// The server's own app, if it has one, takes its place; grants of the one that went can be neither refreshed nor revoked.
#[utoipa::path(
    delete, path = "/environments/{dev_id}/provider-apps/{provider}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no app of its own there", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn remove_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
) -> Result<StatusCode, ApiError> {
    auth.remove_provider_app(&admin, &dev_id, &provider).await?;
    Ok(StatusCode::NO_CONTENT)
}
