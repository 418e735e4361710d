//! `/{face}/users`: the accounts that an app has registered, where a face wants that.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};

use super::resource::{ResourceError, live_grant};
use crate::{face::Revocation, page::OnFace, sandbox::Sandbox};

/// What the app calls the person, and on the way back also what the provider does.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct User {
    #[serde(skip_deserializing)]
    account_id: String,
    member_id: String,
}

/// Registers the account of the access token: 409 if it is registered.
pub(super) async fn register(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    headers: HeaderMap,
    Json(user): Json<User>,
) -> Result<Json<User>, ResourceError> {
    if !face.registration {
        return Err(ResourceError::NothingHere);
    }
    let account_id = live_grant(&sandbox, face, &headers)?.account.id;
    if !sandbox.ledger().register(face, &account_id) {
        return Err(ResourceError::RegisteredAlready);
    }
    Ok(Json(User { account_id, ..user }))
}

/// Ends all grants to the account of the access token, and its registration: 403 if the path names another.
pub(super) async fn deregister(
    State(sandbox): State<Sandbox>,
    OnFace(face): OnFace,
    Path((_, account_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, ResourceError> {
    if face.revocation != Revocation::DeleteUser {
        return Err(ResourceError::NothingHere);
    }
    if live_grant(&sandbox, face, &headers)?.account.id != account_id {
        return Err(ResourceError::OtherAccount);
    }
    let mut ledger = sandbox.ledger();
    ledger.deregister(face, &account_id);
    ledger.revoke_account(face, &account_id);
    Ok(StatusCode::NO_CONTENT)
}
