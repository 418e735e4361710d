//! Where a mobile app redeems its token.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::wire;

use crate::{authentication::MobileTokenAuth, error::ApiError, params::Params};

/// Redeem a mobile token for a connection of an on-device source.
///
/// Ours: the published contract names this call and not its shape. The `dev-id` header must be the one the token was
/// minted for. A token that was used, has expired, or is foreign or forged gets one and the same answer.
#[utoipa::path(
    post, path = "/auth/authenticateSDKUser", tag = "Authentication",
    params(wire::AuthenticateSdkUserParams, ("dev-id" = String, Header, description = "The environment's dev-id")),
    responses(
        (status = 200, description = "The connection", body = wire::AuthenticateSdkUser),
        (status = 400, description = "A parameter is malformed", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "The token is not good", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The environment's user limit is reached, or it is disabled", body = wire::Problem, content_type = "application/problem+json"),
    ),
    security(("mobile_token" = [])),
)]
pub(crate) async fn authenticate_sdk_user(
    State(auth): State<Auth>,
    app: MobileTokenAuth,
    Params(params): Params<wire::AuthenticateSdkUserParams>,
) -> Result<Json<wire::AuthenticateSdkUser>, ApiError> {
    Ok(Json(auth.authenticate_sdk_user(&app.developer, &app.token, &params).await?))
}
