//! Logos and stylesheets. They are public and cacheable.

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use http::{HeaderValue, header::CONTENT_SECURITY_POLICY};
use terra_auth_core::Auth;
use terra_auth_model::provider::Logo;
use terra_auth_types::Provider;
use url::Url;

use crate::{
    error::ApiError,
    widget::{Freshness, assets, provider_icon_svg, static_response, theme_for},
};

pub(crate) fn routes() -> Router<Auth> {
    let pictures =
        Router::new().route("/assets/provider/{file}", get(provider_icon)).route("/assets/theme/{file}", get(theme));
    assets().iter().fold(pictures, |router, asset| {
        let answer = || async { static_response(asset.content_type, Freshness::Immutable, asset.bytes) };
        router.route(&asset.path, get(answer))
    })
}

/// The path of a provider's logo.
pub(crate) fn path(provider: &Provider) -> String {
    format!("/assets/provider/{}.svg", provider.slug())
}

/// The absolute URL of a provider's logo.
pub(crate) fn url(auth: &Auth, provider: &Provider) -> Url {
    auth.widget_url().join(&path(provider)).unwrap_or_else(|_| auth.widget_url().clone())
}

async fn provider_icon(State(auth): State<Auth>, Path(file): Path<String>) -> Result<Response, ApiError> {
    let slug = file.strip_suffix(".svg").unwrap_or_default();
    let list = auth.providers().list();
    let info = list.iter().find(|info| info.provider.slug() == slug);
    let info = info.ok_or_else(|| ApiError::not_found("there is no such provider"))?;
    if let Some(logo) = &info.logo {
        return Ok(logo_response(logo));
    }
    let svg = provider_icon_svg(info.provider.as_str(), &info.name);
    Ok(static_response("image/svg+xml", Freshness::Day, svg))
}

/// An SVG may contain styles. If it is opened as a page, its policy sandboxes it and allows no script.
fn logo_response(logo: &Logo) -> Response {
    const POLICY: HeaderValue =
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox");
    let mut response = static_response(logo.content_type(), Freshness::Day, logo.bytes().to_vec());
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, POLICY);
    response
}

async fn theme(Path(file): Path<String>) -> Result<Response, ApiError> {
    let css = theme_for(&file).ok_or_else(|| ApiError::not_found("there is no such theme"))?;
    Ok(static_response("text/css; charset=utf-8", Freshness::Immutable, css))
}
