//! Tokens for the streaming socket.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::wire;

use crate::{authentication::StreamingAuth, error::ApiError, params::Query};

/// Create the token of a consumer, which receives the live data of all users.
#[utoipa::path(
    post, path = "/auth/developer", tag = "Streaming",
    responses(
        (status = 200, description = "The token", body = wire::StreamToken),
        (status = 400, description = "No credentials"),
        (status = 403, description = "Wrong credentials, the key lacks auth:write, or the environment is disabled"),
    ),
    security(("dev_id" = [], "api_key" = []), ("basic" = [])),
)]
pub(crate) async fn developer_streaming_token(
    State(auth): State<Auth>,
    StreamingAuth(developer): StreamingAuth,
) -> Json<wire::StreamToken> {
    Json(auth.developer_streaming_token(&developer))
}

/// Create the token of a producer, which sends one user's live data.
#[utoipa::path(
    post, path = "/auth/user", tag = "Streaming",
    params(wire::StreamUserParams),
    responses(
        (status = 200, description = "The token", body = wire::StreamToken),
        (status = 400, description = "No credentials, or no id"),
        (status = 403, description = "Wrong credentials, the key lacks auth:write, the environment is disabled, or the user belongs to another developer"),
    ),
    security(("dev_id" = [], "api_key" = []), ("basic" = [])),
)]
pub(crate) async fn user_streaming_token(
    State(auth): State<Auth>,
    StreamingAuth(developer): StreamingAuth,
    Query(params): Query<wire::StreamUserParams>,
) -> Result<Json<wire::StreamToken>, ApiError> {
    let id = params.id.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| ApiError::bad_request("id is missing"))?;
    let foreign = || ApiError::forbidden("the user does not belong to this developer");
    let user_id = id.parse().map_err(|_| foreign())?;
    let token = auth.user_streaming_token(&developer, user_id).await.map_err(|error| match error {
        terra_auth_core::connection::UserInfoError::UserNotFound => foreign(),
        other => other.into(),
    })?;
    Ok(Json(token))
}
