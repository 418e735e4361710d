//! `GET /{face}/data`: what an access token is for.

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde::Serialize;

use super::{
    error::NO_STORE,
    resource::{ResourceError, live_grant},
};
use crate::{
    face::{SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER},
    page::OnFace,
    sandbox::Sandbox,
};

#[derive(Serialize)]
struct Day {
    account: String,
    steps: u32,
}

/// 401 without a live access token or a subscription key, 403 for an account that is not registered.
pub(super) async fn data(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ResourceError> {
    let is_subscribed = headers.get(SUBSCRIPTION_KEY_HEADER).is_some_and(|key| key == SUBSCRIPTION_KEY);
    if face.subscription_key && !is_subscribed {
        return Err(ResourceError::NotSubscribed);
    }
    let account = live_grant(&sandbox, face, &headers)?.account.id;
    if face.registration && !sandbox.ledger().is_registered(face, &account) {
        return Err(ResourceError::NotRegistered);
    }
    Ok((NO_STORE, Json(Day { account, steps: 6_000 })))
}
