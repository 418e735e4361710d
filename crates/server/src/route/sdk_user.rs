//! The call with which a mobile app redeems its token.

use axum::{Json, extract::State};
use terra_auth_core::Auth;
use terra_auth_types::wire;

use crate::{authentication::MobileTokenAuth, error::ApiError, params::Params};

/// Redeem a mobile token for a connection of an on-device source.
///
/// The shape is our own: the published contract only names the call. The `dev-id` header must match the token. A used,
/// expired, foreign or forged token gets the same response.
#[utoipa::path(
    post, path = "/auth/authenticateSDKUser", tag = "Authentication",
    params(wire::AuthenticateSdkUserParams, ("dev-id" = String, Header, description = "The environment's dev-id")),
    responses(
        (status = 200, description = "The connection", body = wire::AuthenticateSdkUser),
        (status = 401, description = "The token is invalid"),
        (status = 403, description = "The environment's user limit is reached, or it is disabled"),
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
