//! The document, and the pages of the API reference.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use utoipa::openapi::OpenApi;

use crate::{dev::DevAccess, error::ApiError, params::Query, reference::Reference};

pub(crate) fn routes<S: Clone + Send + Sync + 'static>(document: OpenApi, dev: DevAccess) -> Router<S> {
    let reference = Arc::new(Reference::new(document));
    Router::new()
        .route("/docs", get(overview))
        .route("/docs/", get(overview))
        .route("/docs/{id}", get(move |reference, id, request| async move { page(reference, id, &dev, request) }))
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

fn page(
    State(reference): State<Arc<Reference>>,
    Path(id): Path<String>,
    dev: &DevAccess,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let page = reference.page(&id, dev.for_request(&parts));
    html(page.ok_or_else(|| ApiError::not_found("there is no such operation; /docs lists them all"))?)
}

async fn json(State(reference): State<Arc<Reference>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], reference.json.clone()).into_response()
}

/// The headers of a page: it loads styles and images of this server, runs no script, and submits forms to this server only.
pub(super) fn html(page: Result<String, askama::Error>) -> Result<Response, ApiError> {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::REFERRER_POLICY, "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ];
    Ok((headers, page.map_err(ApiError::internal)?).into_response())
}
