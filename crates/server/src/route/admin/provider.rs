//! Provider apps: the OAuth clients of an environment at its providers.

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

/// List an environment's own apps at the providers, with the last four characters of each secret.
#[utoipa::path(
    get, path = "/environments/{dev_id}/provider-apps", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses((status = 200, description = "Its apps, by provider", body = wire::admin::AdminProviderApps)),
    security(("admin" = [])),
)]
pub(crate) async fn list_provider_apps(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<AdminProviderApps>, ApiError> {
    Ok(Json(AdminProviderApps { apps: auth.list_provider_apps(&dev_id).await? }))
}

/// Set an environment's own app at a provider. It replaces the server's app, or an earlier one. Needs the role operator.
///
/// A grant belongs to a client id, so grants of the replaced app can no longer be refreshed. To change the secret only, rotate it.
#[utoipa::path(
    put, path = "/environments/{dev_id}/provider-apps/{provider}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    request_body = wire::admin::SetProviderApp,
    responses(
        (status = 200, description = "The app, without its secrets", body = wire::admin::AdminProviderApp),
        (status = 404, description = "There is no such environment, or this server has no login at the provider"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn set_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
    params::Json(set): params::Json<SetProviderApp>,
) -> Result<Json<AdminProviderApp>, ApiError> {
    Ok(Json(auth.set_provider_app(&admin, &dev_id, &provider, &set).await?))
}

/// Rotate the secret of an environment's app. Needs the role operator.
///
/// By default, the old secret is tried for one more day if the provider rejects the new one.
#[utoipa::path(
    post, path = "/environments/{dev_id}/provider-apps/{provider}/rotate", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    request_body = wire::admin::RotateProviderApp,
    responses(
        (status = 200, description = "The app, without its secrets", body = wire::admin::AdminProviderApp),
        (status = 404, description = "There is no such environment, or it has no own app at the provider"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn rotate_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
    params::Json(how): params::Json<RotateProviderApp>,
) -> Result<Json<AdminProviderApp>, ApiError> {
    Ok(Json(auth.rotate_provider_app(&admin, &dev_id, &provider, &how).await?))
}

/// Check an environment's app at the provider, with each secret in use. Needs the role operator.
///
/// The server sends a made-up authorization code. The provider's error tells whether it rejects the code or the app.
#[utoipa::path(
    post, path = "/environments/{dev_id}/provider-apps/{provider}/check", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    responses(
        (status = 200, description = "The provider's verdict on the app", body = wire::admin::ProviderAppCheck),
        (status = 404, description = "There is no such environment, or it has no own app at the provider"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn check_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
) -> Result<Json<ProviderAppCheck>, ApiError> {
    Ok(Json(auth.check_provider_app(&admin, &dev_id, &provider).await?))
}

/// Remove an environment's own app. Needs the role operator.
///
/// The server's app, if there is one, replaces it. Grants of the removed app can be neither refreshed nor revoked.
#[utoipa::path(
    delete, path = "/environments/{dev_id}/provider-apps/{provider}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("provider" = String, Path, description = "The provider")),
    responses(
        (status = 204, description = "The app is removed"),
        (status = 404, description = "There is no such environment, or it has no own app at the provider"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn remove_provider_app(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, provider)): Path<(DevId, Provider)>,
) -> Result<StatusCode, ApiError> {
    auth.remove_provider_app(&admin, &dev_id, &provider).await?;
    Ok(StatusCode::NO_CONTENT)
}
