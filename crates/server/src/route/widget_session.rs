//! Creates widget sessions and login links.

use axum::{
    Json, Router,
    extract::{FromRequest, FromRequestParts as _, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use terra_auth_core::Auth;
use terra_auth_types::wire;

use crate::{
    authentication::{ApiKeyAuth, scope},
    error::{ApiError, WidgetCallError},
    params::Params,
};

/// RFC 9745: 3 November 2026, the date that the published contract names.
const DEPRECATION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("deprecation"), HeaderValue::from_static("@1793664000"));
const SUCCESSOR: HeaderValue = HeaderValue::from_static("</api/widget/session>; rel=\"successor-version\"");

/// The current widget call, on its two other published paths.
pub(crate) fn other_paths() -> Router<Auth> {
    Router::new()
        .route("/widget/session", post(create_widget_session))
        .route("/widget/api/session", post(create_widget_session))
}

/// Extracts the caller before the parameters, so that a body is read only for an authenticated caller.
pub(crate) struct WidgetCall {
    caller: ApiKeyAuth<scope::AuthWrite>,
    params: wire::WidgetSessionParams,
}

impl FromRequest<Auth> for WidgetCall {
    type Rejection = WidgetCallError;

    async fn from_request(request: Request, auth: &Auth) -> Result<Self, WidgetCallError> {
        let (mut parts, body) = request.into_parts();
        let caller = ApiKeyAuth::from_request_parts(&mut parts, auth).await?;
        let Params(params) = Params::from_request(Request::from_parts(parts, body), auth).await?;
        Ok(Self { caller, params })
    }
}

/// Create a widget session: a URL with which one end user connects a provider.
///
/// The URL works once, within 15 minutes.
#[utoipa::path(
    post, path = "/api/widget/session", tag = "Authentication",
    request_body(content = Option<wire::WidgetSessionParams>, description = "Every field is optional"),
    responses(
        (status = 201, description = "The session", body = wire::WidgetSession),
        (status = 400, description = "A field is malformed", body = wire::WidgetError),
        (status = 403, description = "Wrong credentials, the key lacks auth:write, or the environment is disabled", body = wire::WidgetError),
        (status = 503, description = "The server cannot respond now; try again after `Retry-After`", body = wire::WidgetError),
    ),
)]
pub(crate) async fn create_widget_session(
    State(auth): State<Auth>,
    WidgetCall { caller, params }: WidgetCall,
) -> Result<(StatusCode, Json<wire::WidgetSession>), WidgetCallError> {
    let session = auth.generate_widget_session(&caller.developer, &params).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// Create a widget session, by the older call.
///
/// Deprecated in the published contract, and kept here because every official SDK uses it.
#[utoipa::path(
    post, path = "/auth/generateWidgetSession", tag = "Authentication",
    request_body(content = Option<wire::WidgetSessionParams>, description = "Every field is optional"),
    responses((status = 200, description = "The session", body = wire::WidgetSession)),
    security(("dev_id" = [], "api_key" = ["auth:write"])),
)]
pub(crate) async fn generate_widget_session(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::AuthWrite>,
    Params(params): Params<wire::WidgetSessionParams>,
) -> Result<Response, ApiError> {
    let session = auth.generate_widget_session(&caller.developer, &params).await?;
    Ok(([DEPRECATION, (header::LINK, SUCCESSOR)], Json(session)).into_response())
}

/// Create a login link for one provider.
///
/// The user id in the response exists before the login, so it does not prove that a connection exists.
#[utoipa::path(
    post, path = "/auth/authenticateUser", tag = "Authentication",
    params(("resource" = Option<String>, Query, description = "The provider, in any case; older clients send it in the body", example = "FITBIT")),
    request_body(content = Option<wire::AuthenticateUserParams>),
    responses(
        (status = 200, description = "The link", body = wire::AuthenticateUser),
        (status = 400, description = "No such provider, or a field is malformed"),
    ),
    security(("dev_id" = [], "api_key" = ["auth:write"])),
)]
pub(crate) async fn authenticate_user(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::AuthWrite>,
    Params(params): Params<wire::AuthenticateUserParams>,
) -> Result<Json<wire::AuthenticateUser>, ApiError> {
    Ok(Json(auth.authenticate_user(&caller.developer, &params).await?))
}
