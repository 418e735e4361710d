//! The browser library, for pages of the app.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
};

type Headers = [(HeaderName, HeaderValue); 3];

/// `import { … } from "https://gateway.example/terra.js"`.
pub(crate) async fn module() -> impl IntoResponse {
    (headers("text/javascript; charset=utf-8"), include_str!("../script/terra.js"))
}

/// The types of the library.
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

#[cfg(test)]
mod tests {
    use axum::{http::header::CONTENT_TYPE, response::IntoResponse as _};

    #[tokio::test]
    async fn the_module_and_its_types_have_their_content_types() {
        let (module, types) = (super::module().await.into_response(), super::types().await.into_response());
        for (response, content_type) in
            [(module, "text/javascript; charset=utf-8"), (types, "text/plain; charset=utf-8")]
        {
            assert_eq!(response.headers()[CONTENT_TYPE], content_type);
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            assert_eq!(response.headers()["cache-control"], "public, max-age=300");
        }
    }
}
