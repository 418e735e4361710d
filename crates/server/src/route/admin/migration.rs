//! Migrations of end users from one provider to another.

use axum::{Json, extract::State, http::StatusCode};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId,
    wire::{
        self,
        admin::{InviteToMigrate, MigrationInvitations},
    },
};

use crate::{
    authentication::AdminAuth,
    error::ApiError,
    params::{self, Path},
};

/// Create a link to consent at another provider for each of these end users. Needs the role operator.
///
/// A link works once. It is valid for days, because it is sent by mail. The connection to the old provider remains.
#[utoipa::path(
    post, path = "/environments/{dev_id}/migration/invitations", tag = "Administration",
    params(("dev_id" = String, Path, description = "The environment")),
    request_body = wire::admin::InviteToMigrate,
    responses(
        (status = 201, description = "The links, shown once", body = wire::admin::MigrationInvitations),
        (status = 400, description = "A field is malformed, or there are too many end users"),
    ),
    security(("admin" = ["operator"])),
)]
pub(crate) async fn invite_to_migrate(
    State(auth): State<Auth>,
    AdminAuth(admin): AdminAuth,
    Path(dev_id): Path<DevId>,
    params::Json(invite): params::Json<InviteToMigrate>,
) -> Result<(StatusCode, Json<MigrationInvitations>), ApiError> {
    Ok((StatusCode::CREATED, Json(auth.invite_to_migrate(&admin, &dev_id, &invite).await?)))
}
