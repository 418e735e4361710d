//! Webhook destinations of an environment.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::{
    DestinationId, DevId,
    wire::{
        self,
        admin::{AdminDestination, AdminDestinations, ChangeDestination, CreateDestination},
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Path},
};

/// List the webhook destinations of an environment.
#[utoipa::path(
    get, path = "/environments/{dev_id}/destinations", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    responses((status = 200, description = "The destinations, oldest first", body = wire::admin::AdminDestinations)),
    security(("admin" = [])),
)]
pub(crate) async fn list_destinations(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
) -> Result<Json<AdminDestinations>, ApiError> {
    Ok(Json(AdminDestinations { destinations: auth.list_destinations(&dev_id).await? }))
}

/// Create a destination. Needs the role operator.
///
/// It receives the events that happen from now on. They are signed with the signing secret of the environment.
#[utoipa::path(
    post, path = "/environments/{dev_id}/destinations", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::CreateDestination,
    responses(
        (status = 201, description = "The destination", body = wire::admin::AdminDestination),
        (status = 409, description = "The environment has 20 destinations"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn create_destination(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(new): params::Json<CreateDestination>,
) -> Result<(StatusCode, Json<AdminDestination>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.create_destination(&admin, &dev_id, new).await?)))
}

/// Change a destination. Needs the role operator.
///
/// An absent field stays unchanged. Waiting deliveries use the new URL. A disabled destination gets no new events, and its
/// waiting deliveries are paused.
#[utoipa::path(
    patch, path = "/environments/{dev_id}/destinations/{destination_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("destination_id" = uuid::Uuid, Path, description = "The destination")),
    request_body = wire::admin::ChangeDestination,
    responses(
        (status = 200, description = "The changed destination", body = wire::admin::AdminDestination),
        (status = 404, description = "There is no such environment or destination"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn change_destination(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, destination_id)): Path<(DevId, DestinationId)>,
    params::Json(change): params::Json<ChangeDestination>,
) -> Result<Json<AdminDestination>, ApiError> {
    Ok(Json(auth.change_destination(&admin, &dev_id, destination_id, change).await?))
}

/// Delete a destination with its deliveries. Needs the role operator.
#[utoipa::path(
    delete, path = "/environments/{dev_id}/destinations/{destination_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("destination_id" = uuid::Uuid, Path, description = "The destination")),
    responses(
        (status = 204, description = "The destination is deleted"),
        (status = 404, description = "There is no such environment or destination"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn delete_destination(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path((dev_id, destination_id)): Path<(DevId, DestinationId)>,
) -> Result<StatusCode, ApiError> {
    auth.delete_destination(&admin, &dev_id, destination_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
