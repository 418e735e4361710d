//! The routes.

mod connections;
mod health;
mod integrations;
mod landing;
mod logo;
mod mobile_token;
mod page;
mod script;
pub(crate) mod webhook;
mod widget_session;

use axum::{
    Router,
    http::{HeaderName, Method, header, request},
    middleware,
    routing::{delete, get, post},
};
use http::HeaderValue;
use terra_auth_http::{StrictTransport, security_headers};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{end_user, gateway::Gateway, origin, trace};

impl Gateway {
    /// The public routes, for the app's users and Terra.
    pub fn router(&self) -> Router {
        let callers = Router::new()
            .route("/api/terra/mobile-token", post(mobile_token::generate_mobile_token))
            .route("/api/terra/widget-session", post(widget_session::generate_widget_session))
            .route("/api/terra/integrations", get(integrations::list_integrations))
            .route("/api/terra/connections", get(connections::connections))
            .route("/api/terra/connections/{user_id}", delete(connections::deauthenticate_user))
            .route_layer(middleware::from_fn_with_state(self.clone(), end_user::authenticate_end_user));
        Router::new()
            .route("/", get(page::start))
            .route(page::DONE, get(page::done))
            .route("/api/terra/logos/{resource}", get(logo::logo))
            .route("/terra.js", get(script::module))
            .route("/terra.d.ts", get(script::types))
            .merge(callers)
            .layer(self.cors())
            .route("/webhooks/terra", post(webhook::receive))
            .merge(health::public())
            .layer(middleware::from_fn_with_state(self.clone(), trace::trace))
            .layer(middleware::from_fn_with_state(StrictTransport::Off, security_headers))
            .with_state(self.clone())
    }

    /// CORS: pages of allowed origins can call the gateway, with its cookies.
    fn cors(&self) -> CorsLayer {
        let gateway = self.clone();
        let allowed = move |origin: &HeaderValue, request: &request::Parts| {
            let allowed = gateway.live().allowed_origins.contains(origin);
            if !allowed {
                origin::log_refused(origin, &request.headers);
            }
            allowed
        };
        let readable = ["x-terra-trace-id", "retry-after", "ratelimit", "ratelimit-policy"];
        CorsLayer::new()
            .allow_origin(AllowOrigin::predicate(allowed))
            .allow_methods([Method::GET, Method::POST, Method::DELETE])
            .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, HeaderName::from_static("traceparent")])
            .expose_headers(readable.map(HeaderName::from_static))
            .allow_credentials(true)
            .max_age(std::time::Duration::from_mins(10))
    }
}
