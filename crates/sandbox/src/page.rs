//! The pages for the user.

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

pub(crate) use return_address::RedirectTarget;

use crate::{profile::ProviderProfile, sandbox::Sandbox};

const STYLESHEET: &str = "assets/sandbox.css";

/// Has no `form-action`, because Chromium applies it to the redirect after a form, which goes to the app.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// The authorize, login and consent routes of every provider, and the stylesheet.
pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route(&format!("/{STYLESHEET}"), get(stylesheet::stylesheet))
        .route("/{face}/authorize", get(authorize::authorize))
        .route("/{face}/login", post(login::login))
        .route("/{face}/consent", post(consent::consent))
}

/// The profile of the provider in the path. An unknown provider gets an error page.
pub(crate) struct ProfilePath(pub(crate) &'static ProviderProfile);

impl FromRequestParts<Sandbox> for ProfilePath {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, Response> {
        let path = RawPathParams::from_request_parts(parts, sandbox).await;
        let slug = path.iter().flatten().find(|(name, _)| *name == "face").map(|(_, slug)| slug);
        slug.and_then(ProviderProfile::from_slug)
            .map(Self)
            .ok_or_else(|| show_error(sandbox, StatusCode::NOT_FOUND, "This provider is unknown."))
    }
}

/// The variables of the page layout.
struct PageLayout {
    stylesheet: String,
    /// CSS class that selects the accent color.
    class: String,
}

impl PageLayout {
    fn of(sandbox: &Sandbox, face: &ProviderProfile) -> Self {
        Self { class: format!("face-{}", face.slug), ..Self::plain(sandbox) }
    }

    fn plain(sandbox: &Sandbox) -> Self {
        Self { stylesheet: sandbox.url(STYLESHEET).path().to_owned(), class: String::new() }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    frame: PageLayout,
    app_name: &'a str,
    message: &'a str,
}

/// Shows an error page if a redirect is not allowed (RFC 6749, section 4.1.2.1).
fn show_error(sandbox: &Sandbox, status: StatusCode, message: &str) -> Response {
    show(status, &ErrorPage { frame: PageLayout::plain(sandbox), app_name: sandbox.app_name(), message })
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
