//! The document, and the pages of the API reference.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use utoipa::openapi::OpenApi;

use crate::{error::ApiError, params::Query, reference::Reference};

pub(crate) fn routes<S: Clone + Send + Sync + 'static>(document: OpenApi) -> Router<S> {
    let reference = Arc::new(Reference::new(document));
    Router::new()
        .route("/docs", get(overview))
        .route("/docs/", get(overview))
        .route("/docs/{id}", get(page))
        .route("/openapi.json", get(json))
        .with_state(reference)
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

async fn overview(State(reference): State<Arc<Reference>>, Query(search): Query<Search>) -> Result<Response, ApiError> {
    html(reference.overview(&search.q))
}

async fn page(State(reference): State<Arc<Reference>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let page = reference.page(&id, None);
    html(page.ok_or_else(|| ApiError::not_found("there is no such operation; /docs lists them all"))?)
}

async fn json(State(reference): State<Arc<Reference>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], reference.json.clone()).into_response()
}

/// A page that loads our own stylesheet and pictures, runs nothing, and submits to us only.
fn html(page: Result<String, askama::Error>) -> Result<Response, ApiError> {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ];
    Ok((headers, page.map_err(ApiError::internal)?).into_response())
}
