//! The first webhook destination of an environment. The route is our own: Terra has it in its admin API only.

use axum::{Json, extract::State};
use terra_auth_core::{Auth, admin::action::Admin};
use terra_auth_types::wire::admin::{ChangeEnvironment, WebhookDestination};

use crate::{
    authentication::{ApiKeyAuth, Origin, scope},
    error::ApiError,
    params,
};

/// Show the URL to which the environment's events are posted. Our own call.
#[utoipa::path(
    get, path = "/webhooks/destination", tag = "Webhooks",
    responses((status = 200, description = "The destination", body = WebhookDestination)),
    security(("dev_id" = [], "api_key" = ["webhooks:write"])),
)]
pub(crate) async fn webhook_destination(caller: ApiKeyAuth<scope::WebhooksWrite>) -> Json<WebhookDestination> {
    Json(WebhookDestination { destination: caller.developer.destination.clone() })
}

/// Set the URL to which the environment's events are posted; `null` removes it. Our own call.
///
/// The audit log records the API key.
#[utoipa::path(
    put, path = "/webhooks/destination", tag = "Webhooks",
    request_body = WebhookDestination,
    responses(
        (status = 200, description = "The new destination", body = WebhookDestination),
        (status = 400, description = "Not an https URL (http on loopback only)"),
    ),
    security(("dev_id" = [], "api_key" = ["webhooks:write"])),
)]
pub(crate) async fn change_webhook_destination(
    State(auth): State<Auth>,
    caller: ApiKeyAuth<scope::WebhooksWrite>,
    Origin(origin): Origin,
    params::Json(WebhookDestination { destination }): params::Json<WebhookDestination>,
) -> Result<Json<WebhookDestination>, ApiError> {
    let change = ChangeEnvironment { destination: Some(destination), ..ChangeEnvironment::default() };
    let admin = Admin::of_environment_key(&caller.key, origin);
    let changed = auth.change_environment(&admin, &caller.developer.dev_id, &change).await?;
    Ok(Json(WebhookDestination { destination: changed.settings.destination }))
}
