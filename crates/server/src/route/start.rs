//! The start page `/`, for people and programs. On `terra-auth dev`, it starts a widget session.

use askama::Template;
use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::json;
use terra_auth_core::Auth;
use terra_auth_types::{DevId, wire::WidgetSessionParams};

use super::{docs::html, visit::see};
use crate::{
    dev::{DevAccess, host, is_same_origin},
    error::ApiError,
    reference::Credentials,
};

/// The end user of the practice session.
const REFERENCE_ID: &str = "user_1";

pub(crate) fn routes(dev: DevAccess) -> Router<Auth> {
    let (for_page, for_form) = (dev.clone(), dev);
    Router::new()
        .route("/", get(move |state, request| async move { start(state, &for_page, request) }))
        .route("/try-widget", post(move |state, request| try_widget(state, for_form, request)))
}

#[derive(Template)]
#[template(path = "start.html")]
struct Start<'a> {
    dev: Option<&'a Credentials>,
    reference_id: &'static str,
}

fn start(State(auth): State<Auth>, dev: &DevAccess, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    if !wants_html(&parts.headers) {
        return Ok(links(&auth));
    }
    let credentials = dev.for_request(&parts);
    // The widget's cookies belong to the public URL, so a session must start there.
    let is_public = host(&parts.headers) == Some(auth.widget_url().authority());
    if credentials.is_some() && !is_public {
        return Ok(see(auth.widget_url().as_str(), HeaderMap::new()));
    }
    html(Start { dev: credentials, reference_id: REFERENCE_ID }.render())
}

/// Handles a form of the start page. The path exists on `terra-auth dev` only.
async fn try_widget(State(auth): State<Auth>, dev: DevAccess, request: Request) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let nothing = || ApiError::not_found("there is nothing at this path; the operations are listed at /docs");
    let credentials = dev.for_request(&parts).ok_or_else(nothing)?;
    if !is_same_origin(&parts.headers) {
        return Err(ApiError::forbidden(
            "this form can be sent from the start page of this server only; open it and press the button",
        ));
    }
    let dev_id = credentials.dev_id.parse::<DevId>().ok();
    let developer = dev_id.and_then(|dev_id| auth.directory().developer(&dev_id)).ok_or_else(nothing)?;
    let params = WidgetSessionParams { reference_id: Some(REFERENCE_ID.to_owned()), ..WidgetSessionParams::default() };
    let session = auth.generate_widget_session(&developer, &params).await?;
    Ok(see(session.url.as_str(), HeaderMap::new()))
}

fn links(auth: &Auth) -> Response {
    let origin = auth.widget_url().as_str().trim_end_matches('/');
    let links = json!({
        "name": "terra-auth",
        "api": format!("{origin}/v2"),
        "docs": format!("{origin}/docs"),
        "openapi": format!("{origin}/openapi.json"),
    });
    Json(links).into_response()
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
