//! Access tokens for the operator's own workers.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::{
    DevId, UserId,
    wire::{self, admin::IssuedAccessToken},
};

use crate::{authentication::AccessTokenCaller, error::ApiError, params::Path};

/// Lend an access token of a connection, for calls to the provider itself. Needs an API key of the environment with the scope
/// `access-tokens:read`, which no key has unless told so, or an admin token with the role operator.
///
/// It works for a minute at least, and is refreshed first if it must be. Ask again for each use: a token that is kept
/// ends, and may end early when another one is lent. Each loan is a line in the audit log.
#[utoipa::path(
    post, path = "/environments/{dev_id}/connections/{user_id}/access-token", tag = "Administration",
    params(
        ("dev_id" = String, Path, description = "The environment"),
        ("user_id" = String, Path, description = "The connection"),
    ),
    responses(
        (status = 200, description = "The token", body = wire::admin::IssuedAccessToken),
        (status = 401, description = "Neither an API key nor an admin token that counts", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks the scope or is of another environment, or the token's role is below operator", body = wire::Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such environment, or no such connection with tokens", body = wire::Problem, content_type = "application/problem+json"),
        (status = 409, description = "Only the end user can make the connection work again", body = wire::Problem, content_type = "application/problem+json"),
        (status = 503, description = "The token has ended and cannot be refreshed now; try again after `Retry-After`", body = wire::Problem, content_type = "application/problem+json"),
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
