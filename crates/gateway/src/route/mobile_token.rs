use axum::{
    Json,
    http::{HeaderName, HeaderValue, header},
};
use jiff::Timestamp;
use serde::Serialize;
use terra_auth::types::MobileToken;
use terra_auth_types::ReferenceId;

use crate::{end_user::AuthenticatedRequest, error::ApiError};

/// The token must not be cached.
pub(crate) const NO_STORE: [(HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// A token for the mobile SDK, and the end user whose connection it creates.
#[derive(Serialize)]
pub(crate) struct MobileTokenResponse {
    token: MobileToken,
    reference_id: ReferenceId,
    /// Seconds.
    expires_in: u32,
    expires_at: Timestamp,
}

/// Creates a mobile token for the caller. A body is ignored.
pub(crate) async fn generate_mobile_token(
    caller: AuthenticatedRequest,
) -> Result<([(HeaderName, HeaderValue); 1], Json<MobileTokenResponse>), ApiError> {
    let AuthenticatedRequest { reference_id, live } = caller;
    let token = live.call(live.clients.of_this_thread().generate_mobile_token(Some(&reference_id))).await?;
    let terra_auth::MobileToken { token, expires_in, expires_at } = token;
    Ok((NO_STORE, Json(MobileTokenResponse { token, reference_id, expires_in, expires_at })))
}
