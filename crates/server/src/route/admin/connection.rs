//! Connections: how each stands, and on their way from one system to another.

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

/// Read an environment's connections, page by page. With the providers' tokens it needs the role owner.
#[utoipa::path(
    get, path = "/environments/{dev_id}/connections", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), ExportParams),
    responses(
        (status = 200, description = "Connections, by id", body = wire::admin::PortableConnections),
        (status = 400, description = "A parameter is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "Tokens were asked for, and the role is below owner", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
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

/// Take over existing grants from another system. Needs the role operator.
///
/// Each connection is judged by itself. Sent again, those that are there already stay as they are.
#[utoipa::path(
    post, path = "/environments/{dev_id}/connections/import", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::ImportConnections,
    responses(
        (status = 200, description = "The result of each row", body = wire::admin::ImportedConnections),
        (status = 400, description = "The list is malformed or too long", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn import_connections(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(import): params::Json<ImportConnections>,
) -> Result<Json<ImportedConnections>, ApiError> {
    Ok(Json(auth.import_connections(&admin, &dev_id, &import).await?))
}

/// See how a connection stands: whether its tokens are refreshed, what went wrong last, and since when it works.
///
/// Apps hear `connection_error` when a connection stops working. No event has been published for one that works again: its
/// user is `active` again, and `refresh.state` is `fine` since then.
#[utoipa::path(
    get, path = "/environments/{dev_id}/connections/{user_id}", tag = "Administration",
    params(
        ("dev_id" = String, Path, description = "The environment"),
        ("user_id" = String, Path, description = "The connection"),
    ),
    responses(
        (status = 200, description = "The connection", body = wire::admin::AdminConnection),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no such connection", body = wire::Problem, content_type = "application/problem+json"),
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
