//! Access tokens of connections, for the operator's own workers.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId, UserId,
    wire::{self, admin::IssuedAccessToken},
};

use crate::{authentication::AccessTokenCaller, error::ApiError, params::Path};

/// Issue an access token of a connection, for calls to the provider. Needs an API key of the environment with the scope
/// `access-tokens:read`, which is not a default scope, or an admin token with the role operator.
///
/// The token is valid for at least one minute; the server refreshes it first if necessary. Request a token for each use:
/// a stored token expires, and some providers end it when a new one is issued. Each call is recorded in the audit log.
#[utoipa::path(
    post, path = "/environments/{dev_id}/connections/{user_id}/access-token", tag = "Administration",
    params(
        ("dev_id" = String, Path, description = "The environment"),
        ("user_id" = String, Path, description = "The connection"),
    ),
    responses(
        (status = 200, description = "The token", body = wire::admin::IssuedAccessToken),
        (status = 401, description = "Neither a valid API key nor a valid admin token"),
        (status = 403, description = "The key lacks the scope or is of another environment, or the token's role is below operator"),
        (status = 404, description = "No such environment, or no such connection with tokens"),
        (status = 409, description = "Only the end user can make the connection work again"),
        (status = 503, description = "The token has expired and cannot be refreshed now; try again after `Retry-After`"),
    ),
    security(("dev_id" = [], "api_key" = []), ("admin" = [])),
)]
pub(crate) async fn issue_access_token(
    State(auth): State<Auth>,
    borrower: AccessTokenCaller,
    Path((dev_id, user_id)): Path<(DevId, UserId)>,
) -> Result<Json<IssuedAccessToken>, ApiError> {
    let admin = borrower.of(&dev_id)?;
    Ok(Json(auth.issue_access_token(&admin, &dev_id, user_id).await?))
}
