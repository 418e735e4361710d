//! Security headers: responses must not be cached, or embedded by other sites.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Whether responses have `Strict-Transport-Security`: if the public URL is https.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StrictTransport {
    /// `Strict-Transport-Security` for a year, for this host alone.
    On,
    /// No such header.
    Off,
}

/// Adds default headers to every response: no caching, no content type sniffing, no frames, and a policy that blocks all
/// content, which pages replace. As a layer: `from_fn_with_state(strict_transport, security_headers)`.
///
/// Shared caches may store a response to a request with `x-api-key`, unlike one with `Authorization` (RFC 9111, section 3.5).
pub async fn security_headers(State(transport): State<StrictTransport>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    add(headers, header::CACHE_CONTROL, "no-store");
    add(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(headers, header::X_FRAME_OPTIONS, "DENY");
    add(headers, header::REFERRER_POLICY, "no-referrer");
    if !is_html(headers) {
        add(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    }
    if transport == StrictTransport::On {
        add(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

fn is_html(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with("text/html"))
}
