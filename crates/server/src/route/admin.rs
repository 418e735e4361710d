//! Administration over HTTP, below the prefix of the published admin API. The calls are our own.

mod access_token;
mod api_key;
mod audit;
mod connection;
mod delivery;
mod destination;
mod environment;
mod migration;
mod provider;
mod revocation;
mod token;
mod vault;

use axum::{
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use terra_auth_core::Auth;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::ApiError;

pub(crate) fn routes() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(environment::list_environments, environment::create_environment))
        .routes(routes!(environment::environment, environment::change_environment, environment::delete_environment))
        .routes(routes!(environment::environment_contents))
        .routes(routes!(provider::list_provider_apps))
        .routes(routes!(provider::set_provider_app, provider::remove_provider_app))
        .routes(routes!(provider::rotate_provider_app))
        .routes(routes!(provider::check_provider_app))
        .routes(routes!(connection::export_connections))
        .routes(routes!(connection::import_connections))
        .routes(routes!(connection::connection_report))
        .routes(routes!(revocation::list_revocations))
        .routes(routes!(destination::list_destinations, destination::create_destination))
        .routes(routes!(destination::change_destination, destination::delete_destination))
        .routes(routes!(delivery::list_deliveries))
        .routes(routes!(delivery::replay_deliveries))
        .routes(routes!(delivery::trigger_event))
        .routes(routes!(delivery::show_event))
        .routes(routes!(migration::invite_to_migrate))
        .routes(routes!(api_key::list_api_keys, api_key::create_api_key))
        .routes(routes!(api_key::rotate_api_key))
        .routes(routes!(api_key::revoke_api_key))
        .routes(routes!(environment::rotate_signing_secret))
        .routes(routes!(access_token::issue_access_token))
        .routes(routes!(token::list_admin_tokens, token::create_admin_token))
        .routes(routes!(token::revoke_admin_token))
        .routes(routes!(audit::audit_page))
        .routes(routes!(audit::verify_audit))
        .routes(routes!(vault::vault_status))
        .routes(routes!(vault::vault_rotation, vault::begin_rotation))
        .routes(routes!(vault::rotate_master_key))
        .layer(middleware::from_fn(finish))
}

/// Every response forbids caching and, if it failed, has a code.
async fn finish(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let code = usual_code(error.status);
        response.extensions_mut().insert(error.with_code(code));
    }
    response
}

/// The codes of errors without a more exact code. The published admin API has the same names.
pub(super) fn usual_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::SERVICE_UNAVAILABLE => "service_unavailable",
        status if status.is_client_error() => "validation_failed",
        _ => "internal_error",
    }
}
