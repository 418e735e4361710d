//! Connections: their state, import and export.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId, UserId,
    wire::{
        self,
        admin::{AdminConnection, ExportParams, ImportConnections, ImportedConnections, PortableConnections},
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Path, Query},
};

/// Export an environment's connections, page by page. An export with the providers' tokens needs the role owner.
#[utoipa::path(
    get, path = "/environments/{dev_id}/connections", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ExportParams),
    responses(
        (status = 200, description = "Connections, by id", body = wire::admin::PortableConnections),
        (status = 403, description = "The export includes tokens, and the role is below owner"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn export_connections(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    Query(params): Query<ExportParams>,
) -> Result<Json<PortableConnections>, ApiError> {
    Ok(Json(auth.export_connections(&admin, &dev_id, params).await?))
}

/// Import existing grants from another system. Needs the role operator.
///
/// Each row has its own result. A second import of the same row changes nothing.
#[utoipa::path(
    post, path = "/environments/{dev_id}/connections/import", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::ImportConnections,
    responses(
        (status = 200, description = "The result of each row", body = wire::admin::ImportedConnections),
        (status = 400, description = "The list is malformed or too long"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn import_connections(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(import): params::Json<ImportConnections>,
) -> Result<Json<ImportedConnections>, ApiError> {
    Ok(Json(auth.import_connections(&admin, &dev_id, &import).await?))
}

/// Show the state of a connection: its refreshes, the last error, and since when it works.
///
/// Apps get the event `connection_error` when a connection stops working. The published contract has no event for a
/// connection that works again: its user is `active` again, and `refresh.state` is `fine`.
#[utoipa::path(
    get, path = "/environments/{dev_id}/connections/{user_id}", tag = "Administration",
    params(
        ("dev_id" = String, Path, description = "The environment"),
        ("user_id" = String, Path, description = "The connection"),
    ),
    responses(
        (status = 200, description = "The connection", body = wire::admin::AdminConnection),
        (status = 404, description = "No such environment, or no such connection"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn connection_report(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path((dev_id, user_id)): Path<(DevId, UserId)>,
) -> Result<Json<AdminConnection>, ApiError> {
    Ok(Json(auth.connection_report(&dev_id, user_id).await?))
}
