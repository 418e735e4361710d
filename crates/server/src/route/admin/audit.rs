//! Reads and verifies the audit log.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::wire::{
    self,
    admin::{AuditPage, AuditParams, AuditVerdict},
};

use crate::{authentication::AdminAuth, error::ApiError, params::Query};

const PER_PAGE: u32 = 500;

/// Read the audit log, page by page.
#[utoipa::path(
    get, path = "/audit", tag = "Administration",
    params(AuditParams),
    responses((status = 200, description = "Entries, oldest first", body = wire::admin::AuditPage)),
    security(("admin" = [])),
)]
pub(crate) async fn audit_page(
    State(auth): State<Auth>,
    _: AdminAuth,
    Query(params): Query<AuditParams>,
) -> Result<Json<AuditPage>, ApiError> {
    let (after, limit) = (params.after.unwrap_or_default(), params.limit.unwrap_or(PER_PAGE));
    Ok(Json(auth.audit_page(after, limit).await?))
}

/// Verify that no entry of the audit log was removed, changed or moved.
#[utoipa::path(
    get, path = "/audit/verify", tag = "Administration",
    responses((status = 200, description = "The result of the check", body = wire::admin::AuditVerdict)),
    security(("admin" = [])),
)]
pub(crate) async fn verify_audit(State(auth): State<Auth>, _: AdminAuth) -> Result<Json<AuditVerdict>, ApiError> {
    Ok(Json(auth.verify_audit().await?))
}
