//! Reports about revocations of grants.

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

/// List the revocations of grants at their providers, page by page.
///
/// There is one report per deleted connection: the time of the request, the attempts, the provider's response, and the
/// result. Reports are retained for 90 days after the result, also if the environment is deleted.
#[utoipa::path(
    get, path = "/environments/{dev_id}/revocations", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment"), RevocationParams),
    responses((status = 200, description = "Reports, newest first", body = wire::admin::RevocationReports)),
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
