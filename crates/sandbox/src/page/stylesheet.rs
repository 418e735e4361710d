//! The stylesheet, with the accent color of every provider.

use std::{fmt::Write, sync::LazyLock};

use axum::{http::header, response::IntoResponse};

use crate::profile::provider_profiles;

static STYLESHEET: LazyLock<String> = LazyLock::new(|| {
    let mut css = include_str!("../../templates/sandbox.css").to_owned();
    for face in provider_profiles() {
        // Writing to a `String` cannot fail.
        let _ = writeln!(css, ".face-{} {{ --accent: {}; }}", face.slug, face.accent);
    }
    css
});

pub(super) async fn stylesheet() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, STYLESHEET.as_str())
}
