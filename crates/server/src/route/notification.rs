//! Receives notifications of providers about revoked access. No response tells whether an account is known.

use std::time::Duration;

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Extension, Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use terra_auth_core::Auth;
use terra_auth_http::{BodyError, Peer, read_body};
use terra_auth_model::provider::SubscriptionChallenge;

/// The maximum size of a notification.
const MAX_BYTES: usize = 64 << 10;
/// How long a notification may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> Router<Auth> {
    Router::new().route("/auth/{provider}/notice", get(greet).post(take)).layer(DefaultBodyLimit::disable())
}

/// Answers the challenge of a provider that verifies this URL, with the token that the operator configured there.
async fn greet(
    State(auth): State<Auth>,
    Path(provider): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    match auth.answer_challenge(&provider, &query) {
        Some(SubscriptionChallenge::Echo(name, text)) => Json(json!({ name: text })).into_response(),
        Some(SubscriptionChallenge::Accepted) => StatusCode::NO_CONTENT.into_response(),
        Some(SubscriptionChallenge::WrongToken) | None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn take(
    State(auth): State<Auth>,
    Path(provider): Path<String>,
    peer: Option<Extension<Peer>>,
    body: Body,
) -> Response {
    let body = match read_body(body, MAX_BYTES, BODY_TIMEOUT).await {
        Ok(body) => body,
        Err(BodyError::TimedOut) => return StatusCode::REQUEST_TIMEOUT.into_response(),
        Err(BodyError::TooLarge | BodyError::Incomplete) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
    };
    let Some((provider, notice)) = auth.read_notification(&provider, &body) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if auth.handle_notification(&provider, peer.map(|Extension(peer)| peer.0), notice.accounts).is_err() {
        let later = [(header::RETRY_AFTER, HeaderValue::from_static("60"))];
        return (StatusCode::TOO_MANY_REQUESTS, later).into_response();
    }
    StatusCode::from_u16(notice.status).unwrap_or(StatusCode::OK).into_response()
}
