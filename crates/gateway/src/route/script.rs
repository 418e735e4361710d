//! The browser's helper, for pages of the app.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
};

type Headers = [(HeaderName, HeaderValue); 3];

/// `import { … } from "https://gateway.example/terra.js"`.
pub(crate) async fn module() -> impl IntoResponse {
    (headers("text/javascript; charset=utf-8"), include_str!("../script/terra.js"))
}

/// Its types.
pub(crate) async fn types() -> impl IntoResponse {
    (headers("text/plain; charset=utf-8"), include_str!("../script/terra.d.ts"))
}

fn headers(content_type: &'static str) -> Headers {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}
