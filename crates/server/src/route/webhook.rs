//! Where events are posted. Ours: at Terra only the admin API changes it.

use axum::{Json, extract::State};
use terra_auth_core::{Auth, admin::action::Admin};
use terra_auth_types::wire::{
    self,
    admin::{ChangeEnvironment, WebhookDestination},
};

use crate::{
    authentication::{ApiKeyAuth, Origin, scope},
    error::ApiError,
    params,
};

/// Show where the environment's events are posted. Ours.
#[utoipa::path(
    get, path = "/webhooks/destination", tag = "Webhooks",
    responses(
        (status = 200, description = "The destination", body = WebhookDestination),
        (status = 401, description = "Wrong credentials", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks webhooks:write, or the environment is disabled", body = wire::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn webhook_destination(caller: ApiKeyAuth<scope::WebhooksWrite>) -> Json<WebhookDestination> {
    Json(WebhookDestination { destination: caller.developer.destination.clone() })
}

/// Change where the environment's events are posted; `null` keeps them without sending. Ours.
///
/// The audit log names the key that did it.
#[utoipa::path(
    put, path = "/webhooks/destination", tag = "Webhooks",
    request_body = WebhookDestination,
    responses(
        (status = 200, description = "The destination as it is now", body = WebhookDestination),
        (status = 400, description = "Not an https URL (http on loopback only)", body = wire::Problem, content_type = "application/problem+json"),
        (status = 401, description = "Wrong credentials", body = wire::Problem, content_type = "application/problem+json"),
        (status = 403, description = "The key lacks webhooks:write, or the environment is disabled", body = wire::Problem, content_type = "application/problem+json"),
    ),
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
