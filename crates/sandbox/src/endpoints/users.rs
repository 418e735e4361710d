//! `/{face}/users`: the accounts that an app has registered, for a provider that requires a registration.

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};

use super::resource::{ResourceError, live_grant};
use crate::{page::ProfilePath, profile::Revocation, sandbox::Sandbox};

/// The app's id for the user and, in the response, also the provider's id.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct User {
    #[serde(skip_deserializing)]
    account_id: String,
    member_id: String,
}

/// Registers the account of the access token; 409 if it is already registered.
pub(super) async fn register(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    headers: HeaderMap,
    Json(user): Json<User>,
) -> Result<Json<User>, ResourceError> {
    if !face.requires_registration {
        return Err(ResourceError::NotFound);
    }
    let account_id = live_grant(&sandbox, face, &headers)?.account.id;
    if !sandbox.token_store().register(face, &account_id) {
        return Err(ResourceError::RegisteredAlready);
    }
    Ok(Json(User { account_id, ..user }))
}

/// Revokes all grants of the access token's account and deletes its registration; 403 if the path names another
/// account.
pub(super) async fn deregister(
    State(sandbox): State<Sandbox>,
    ProfilePath(face): ProfilePath,
    Path((_, account_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, ResourceError> {
    if face.revocation != Revocation::DeleteUser {
        return Err(ResourceError::NotFound);
    }
    if live_grant(&sandbox, face, &headers)?.account.id != account_id {
        return Err(ResourceError::OtherAccount);
    }
    let mut ledger = sandbox.token_store();
    ledger.deregister(face, &account_id);
    ledger.revoke_account(face, &account_id);
    Ok(StatusCode::NO_CONTENT)
}
