//! `GET /{face}/data`: a data call with an access token.

use axum::{Json, extract::State, http::HeaderMap, response::IntoResponse};
use serde::Serialize;

use super::{
    error::NO_STORE,
    resource::{ResourceError, live_grant},
};
use crate::{
    page::ProfilePath,
    profile::{SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER},
    sandbox::Sandbox,
};

#[derive(Serialize)]
struct Day {
    account: String,
    steps: u32,
}

/// Returns data; 401 without a valid access token or subscription key, 403 for an account that is not registered.
pub(super) async fn data(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ResourceError> {
    let is_subscribed = headers.get(SUBSCRIPTION_KEY_HEADER).is_some_and(|key| key == SUBSCRIPTION_KEY);
    if face.requires_subscription_key && !is_subscribed {
        return Err(ResourceError::NotSubscribed);
    }
    let account = live_grant(&sandbox, face, &headers)?.account.id;
    if face.requires_registration && !sandbox.token_store().is_registered(face, &account) {
        return Err(ResourceError::NotRegistered);
    }
    Ok((NO_STORE, Json(Day { account, steps: 6_000 })))
}
