//! Responses with a page or a file, and their headers.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, StatusCode};
use url::Url;

use super::{Brand, Page};

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Renders a page. The headers forbid caches, frames and search engines.
///
/// The page may load styles and images of our own origin, and the logo from its origin. It runs no script and submits to
/// our own origin only. The URL contains the session's secret, so the headers forbid `Referer`.
///
/// # Errors
///
/// The template engine failed. It writes into memory, so this does not happen in practice.
pub fn page_response<P: Page>(status: StatusCode, page: &P) -> Result<Response, askama::Error> {
    let html = page.render()?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (CONTENT_LANGUAGE, page.frame().language.tag().to_owned()),
        (CONTENT_SECURITY_POLICY, policy(page.frame().brand.as_ref(), page.forms_lead_to())),
        (CACHE_CONTROL, "no-store".to_owned()),
        (REFERRER_POLICY, "no-referrer".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (X_FRAME_OPTIONS, "DENY".to_owned()),
        (PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=(), payment=()".to_owned()),
        (ROBOTS, "noindex, nofollow".to_owned()),
    ];
    Ok((status, headers, html).into_response())
}

/// How long a cache may store a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Without limit, because its path identifies its content: [`assets`](super::assets) and themes.
    Immutable,
    /// One day: provider icons.
    Day,
}

/// A response with a public, cacheable stylesheet or image.
pub fn static_response(content_type: &'static str, freshness: Freshness, body: impl Into<Body>) -> Response {
    let cache = match freshness {
        Freshness::Immutable => "public, max-age=31536000, immutable",
        Freshness::Day => "public, max-age=86400",
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, cache),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body.into()).into_response()
}

fn policy(brand: Option<&Brand>, forms_lead_to: Option<&Url>) -> String {
    let logo = brand.and_then(Brand::logo).map(|(_, origin)| format!(" {origin}")).unwrap_or_default();
    let app = forms_lead_to.and_then(form_target).map(|target| format!(" {target}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'{logo}; form-action 'self'{app}; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// A URL as a source of the policy: its origin, or the scheme of an app. `None` if it could end a directive.
fn form_target(url: &Url) -> Option<String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Some(format!("{}:", url.scheme()));
    }
    let is_plain = url.host_str()?.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.[]:".contains(&byte));
    is_plain.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::{Freshness, page_response, static_response};
    use crate::widget::samples;

    fn text(headers: &HeaderMap) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect()
    }

    #[test]
    fn a_page_is_private_and_runs_nothing() {
        let response = page_response(StatusCode::OK, &samples::choose(samples::frame())).expect("a page");
        assert_eq!(
            text(response.headers()),
            [
                "content-type: text/html; charset=utf-8",
                "content-language: en",
                "content-security-policy: default-src 'none'; style-src 'self'; img-src 'self' https://cdn.acme.example; \
                 form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                "cache-control: no-store",
                "referrer-policy: no-referrer",
                "x-content-type-options: nosniff",
                "x-frame-options: DENY",
                "permissions-policy: camera=(), geolocation=(), microphone=(), payment=()",
                "x-robots-tag: noindex, nofollow",
            ]
        );
    }

    #[test]
    fn without_a_logo_images_come_from_us_only() {
        assert!(super::policy(None, None).contains("img-src 'self';"));
    }

    #[test]
    fn a_form_may_only_redirect_to_the_app() {
        for (url, target) in [
            ("https://app.example:8443/failed?a=b", "'self' https://app.example:8443;"),
            ("com.acme.app://failed", "'self' com.acme.app:;"),
            ("https://a;b.example/", "'self';"),
        ] {
            let policy = super::policy(None, Some(&url.parse().expect("a URL")));
            assert!(policy.contains(&format!("form-action {target}")), "{policy}");
        }
    }

    #[test]
    fn a_file_may_be_cached_by_anybody() {
        let response = static_response("text/css; charset=utf-8", Freshness::Immutable, "a{}");
        assert_eq!(
            text(response.headers()),
            [
                "content-type: text/css; charset=utf-8",
                "cache-control: public, max-age=31536000, immutable",
                "content-security-policy: default-src 'none'; frame-ancestors 'none'",
                "x-content-type-options: nosniff",
            ]
        );
    }
}
