//! The routes, and the `OpenAPI` document that is generated from them.

mod admin;
mod connection;
mod docs;
mod document;
mod flow_cookie;
mod health;
mod icon;
mod integration;
mod mobile_token;
mod notification;
mod sdk_user;
mod start;
mod streaming_token;
mod visit;
mod webhook;
mod widget_page;
mod widget_return;
mod widget_session;

use axum::{Router, middleware};
use terra_auth_core::Auth;
use terra_auth_http::{StrictTransport, security_headers};
use terra_auth_types::wire;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{dev::DevAccess, trace};

/// The router of the server.
pub fn router(auth: Auth) -> Router {
    router_with(auth, DevAccess::default())
}

/// The router of the server. Its pages show the credentials of `terra-auth dev` after `dev` has set them.
pub fn router_with(auth: Auth, dev: DevAccess) -> Router {
    let is_https = auth.widget_url().scheme() == "https";
    let transport = if is_https { StrictTransport::On } else { StrictTransport::Off };
    let (routes, document) = described().split_for_parts();
    let (again, _) = v2().split_for_parts();
    routes
        .nest("/api/v2", again)
        .merge(widget_session::other_paths())
        .merge(widget_page::routes())
        .merge(notification::routes())
        .merge(icon::routes())
        .merge(health::routes())
        .merge(start::routes(dev.clone()))
        .merge(docs::routes(document::complete(document, auth.widget_url().as_str()), dev))
        .layer(middleware::from_fn_with_state(auth.clone(), trace::trace))
        .layer(middleware::from_fn_with_state(transport, security_headers))
        .with_state(auth)
}

/// The `OpenAPI` document of the server.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    document::complete(described().split_for_parts().1, DEV_SERVER)
}

/// The origin of `terra-auth dev`, for the document in the repository.
const DEV_SERVER: &str = "http://127.0.0.1:8787";

fn described() -> OpenApiRouter<Auth> {
    OpenApiRouter::with_openapi(Document::openapi())
        .nest("/v2", v2())
        .nest("/api/v3/admin", admin::routes())
        .routes(routes!(widget_session::create_widget_session))
        .routes(routes!(streaming_token::developer_streaming_token))
        .routes(routes!(streaming_token::user_streaming_token))
}

fn v2() -> OpenApiRouter<Auth> {
    OpenApiRouter::new()
        .routes(routes!(widget_session::authenticate_user))
        .routes(routes!(widget_session::generate_widget_session))
        .routes(routes!(mobile_token::generate_auth_token))
        .routes(routes!(mobile_token::tokens))
        .routes(routes!(sdk_user::authenticate_sdk_user))
        .routes(routes!(connection::deauthenticate_user))
        .routes(routes!(connection::user_info))
        .routes(routes!(connection::bulk_user_info))
        .routes(routes!(connection::subscriptions))
        .routes(routes!(integration::integrations))
        .routes(routes!(integration::integrations_detailed))
        .routes(routes!(webhook::webhook_destination, webhook::change_webhook_destination))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "terra-auth",
        description = "The Terra authentication API, self-hosted. Every path under /v2 answers under /api/v2 too, and the \
                       widget call also at /widget/session and /widget/api/session.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "Authentication", description = "Connect and disconnect end users"),
        (name = "Users", description = "Look up connections"),
        (name = "Integrations", description = "The providers that can be connected"),
        (name = "Streaming", description = "Tokens for the streaming socket"),
        (name = "Webhooks", description = "The URL to which events are posted"),
        (name = "Events", description = "The events that are posted to the app"),
        (name = "Administration", description = "Environments, keys, admin tokens and the audit log, for operators"),
    ),
    components(schemas(
        wire::Auth, wire::AuthCancelled, wire::Deauth, wire::UserReauth, wire::AccessRevoked, wire::PermissionChange,
        wire::ConnectionError, wire::Problem,
    )),
    security(("dev_id" = [], "api_key" = [])),
    modifiers(&Schemes),
)]
struct Document;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let header = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
        let http = |scheme| SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("dev_id", header("dev-id"));
        components.add_security_scheme("api_key", header("x-api-key"));
        components.add_security_scheme("basic", http(HttpAuthScheme::Basic));
        components.add_security_scheme("mobile_token", http(HttpAuthScheme::Bearer));
        components.add_security_scheme("admin", http(HttpAuthScheme::Bearer));
    }
}
