//! The revocations of grants whose connections ended.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId,
    wire::{
        self,
        admin::{RevocationParams, RevocationReports},
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{Path, Query},
};

/// Read what became of grants at their providers after the connections ended, page by page.
///
/// One report for each connection: when it was asked for, how often it was tried, what the provider answered, and how it
/// ended. Reports are kept for 90 days after that, also when the environment is gone.
#[utoipa::path(
    get, path = "/environments/{dev_id}/revocations", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), RevocationParams),
    responses(
        (status = 200, description = "Reports, the newest first", body = wire::admin::RevocationReports),
        (status = 400, description = "A parameter is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = [])),
)]
pub(crate) async fn list_revocations(
    State(auth): State<Auth>,
    _: AdminAuth,
    Path(dev_id): Path<DevId>,
    Query(params): Query<RevocationParams>,
) -> Result<Json<RevocationReports>, ApiError> {
    Ok(Json(auth.revocation_reports(&dev_id, &params).await?))
}
