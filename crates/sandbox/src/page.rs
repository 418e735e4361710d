//! The pages: what a person sees.

mod authorize;
mod consent;
mod login;
mod return_address;
mod stylesheet;

use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};

pub(crate) use return_address::ReturnAddress;

use crate::{face::Face, sandbox::Sandbox};

const STYLESHEET: &str = "assets/sandbox.css";

/// Without `form-action`: Chromium applies it to the redirect that follows a form, which leads back to the app.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// The authorize, login and consent routes of every face, and the stylesheet.
pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route(&format!("/{STYLESHEET}"), get(stylesheet::stylesheet))
        .route("/{face}/authorize", get(authorize::authorize))
        .route("/{face}/login", post(login::login))
        .route("/{face}/consent", post(consent::consent))
}

/// The face that the path names; a path without one is answered with a page that says so.
pub(crate) struct OnFace(pub(crate) &'static Face);

impl FromRequestParts<Sandbox> for OnFace {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, Response> {
        let path = RawPathParams::from_request_parts(parts, sandbox).await;
        let slug = path.iter().flatten().find(|(name, _)| *name == "face").map(|(_, slug)| slug);
        slug.and_then(Face::of_slug)
            .map(Self)
            .ok_or_else(|| show_error(sandbox, StatusCode::NOT_FOUND, "There is no such provider here."))
    }
}

/// Where a page's parts come from.
struct Frame {
    stylesheet: String,
    /// Chooses the accent.
    class: String,
}

impl Frame {
    fn of(sandbox: &Sandbox, face: &Face) -> Self {
        Self { class: format!("face-{}", face.slug), ..Self::plain(sandbox) }
    }

    fn plain(sandbox: &Sandbox) -> Self {
        Self { stylesheet: sandbox.url(STYLESHEET).path().to_owned(), class: String::new() }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: Frame,
    app_name: &'a str,
    message: &'a str,
}

/// Shows what went wrong where no redirect is allowed (RFC 6749, section 4.1.2.1).
fn show_error(sandbox: &Sandbox, status: StatusCode, message: &str) -> Response {
    show(status, &ErrorPage { frame: Frame::plain(sandbox), app_name: sandbox.app_name(), message })
}

fn show(status: StatusCode, page: &impl Template) -> Response {
    let Ok(html) = page.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(html)).into_response()
}
