//! Deliveries of events: lists, details, replays and test events.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId, EventId,
    wire::{
        self,
        admin::{
            AdminDeliveries, AdminEvent, DeliveryParams, ReplayDeliveries, ReplayedDeliveries, TriggerEvent,
            TriggeredEvent,
        },
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Path, Query},
};

/// List the deliveries of an environment, page by page, newest event first.
#[utoipa::path(
    get, path = "/environments/{dev_id}/deliveries", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), DeliveryParams),
    responses((status = 200, description = "Deliveries", body = wire::admin::AdminDeliveries)),
    security(("admin" = [])),
)]
pub(crate) async fn list_deliveries(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
    Query(params): Query<DeliveryParams>,
) -> Result<Json<AdminDeliveries>, ApiError> {
    Ok(Json(auth.list_deliveries(&dev_id, &params).await?))
}

/// Show an event with its body, its deliveries, and all attempts.
///
/// An attempt has its duration, the status, and the first KiB of the response.
#[utoipa::path(
    get, path = "/environments/{dev_id}/events/{event_id}", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ("event_id" = uuid::Uuid, Path, description = "The event")),
    responses(
        (status = 200, description = "The event", body = wire::admin::AdminEvent),
        (status = 404, description = "There is no such environment or event"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn show_event(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path((dev_id, event_id)): Path<(DevId, EventId)>,
) -> Result<Json<AdminEvent>, ApiError> {
    Ok(Json(auth.show_event(&dev_id, event_id).await?))
}

/// Trigger a test event. Needs the role operator.
///
/// The event is stored and delivered like a real one. It changes no connection.
#[utoipa::path(
    post, path = "/environments/{dev_id}/events", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::TriggerEvent,
    responses((status = 201, description = "The event is stored", body = wire::admin::TriggeredEvent)),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn trigger_event(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(trigger): params::Json<TriggerEvent>,
) -> Result<(StatusCode, Json<TriggeredEvent>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.trigger_event(&admin, &dev_id, trigger).await?)))
}

/// Send deliveries again: one event, or all that match the fields. Needs the role operator.
///
/// Each delivery starts again with its first attempt, and keeps its trace id. With `dry_run`, the server only counts them.
#[utoipa::path(
    post, path = "/environments/{dev_id}/deliveries/replay", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::ReplayDeliveries,
    responses(
        (status = 200, description = "The counts", body = wire::admin::ReplayedDeliveries),
        (status = 404, description = "There is no such environment or event"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn replay_deliveries(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(replay): params::Json<ReplayDeliveries>,
) -> Result<Json<ReplayedDeliveries>, ApiError> {
    Ok(Json(auth.replay_deliveries(&admin, &dev_id, &replay).await?))
}
