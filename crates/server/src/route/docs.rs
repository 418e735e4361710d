//! The document, and pages that show it without the internet.

use axum::Router;
use terra_auth_core::Auth;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

pub(crate) fn routes(document: OpenApi) -> Router<Auth> {
    Router::new().merge(SwaggerUi::new("/docs").url("/openapi.json", document))
}
