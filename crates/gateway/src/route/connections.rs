use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderName, HeaderValue},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth::Error;
use terra_auth_model::known_connection::{ConnectionState, KnownConnection, LoginFailure};
use terra_auth_types::{ConnectionId, Provider, UserId, wire};

use super::mobile_token::NO_STORE;
use crate::{breaker::UpstreamError, end_user::AuthenticatedRequest, error::ApiError, gateway::Gateway};

/// The caller's connections.
#[derive(Serialize)]
pub(crate) struct ConnectionsResponse {
    connections: Vec<Connection>,
    /// The latest login that did not create a connection.
    last_failure: Option<FailedConnection>,
}

#[derive(Serialize)]
struct Connection {
    /// The gateway's own id, which does not change with the user id.
    id: ConnectionId,
    user_id: UserId,
    provider: Provider,
    state: ConnectionState,
    connected_at: Option<Timestamp>,
    scopes: Option<String>,
}

#[derive(Serialize)]
struct FailedConnection {
    reason: Option<String>,
    at: Timestamp,
}

/// The parameters of the list.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Params {
    /// `1` asks Terra first, in case an event was lost. This takes longer.
    refresh: Option<String>,
}

/// Lists the caller's connections, oldest first.
pub(crate) async fn connections(
    State(gateway): State<Gateway>,
    caller: AuthenticatedRequest,
    Query(params): Query<Params>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<ConnectionsResponse>), ApiError> {
    if params.refresh.as_deref() == Some("1") {
        refresh(&gateway, &caller).await?;
    }
    let connections = gateway.inbox().connections_of(&caller.reference_id).await?;
    let last_failure = gateway.inbox().login_failure(&caller.reference_id).await?;
    let connections = connections.into_iter().map(Into::into).collect();
    Ok((NO_STORE, Json(ConnectionsResponse { connections, last_failure: last_failure.map(Into::into) })))
}

/// Copies the caller's connections from Terra. Fields that Terra lacks do not change.
async fn refresh(gateway: &Gateway, caller: &AuthenticatedRequest) -> Result<(), ApiError> {
    let asked_at = gateway.clock().now();
    let asked =
        caller.live.call(caller.live.clients.of_this_thread().users_by_reference_id(&caller.reference_id)).await;
    let Ok(mut users) = asked else { return Ok(()) };
    users.retain(|user| user.reference_id.as_deref() == Some(caller.reference_id.as_str()));
    gateway.inbox().add_found_connections(&users, asked_at).await?;
    Ok(())
}

/// Removes a connection of the caller and revokes the access. Another user's connection, an unknown or a malformed id is 404.
pub(crate) async fn deauthenticate_user(
    State(gateway): State<Gateway>,
    caller: AuthenticatedRequest,
    Path(user_id): Path<String>,
) -> Result<Json<wire::Done>, ApiError> {
    let unknown = || ApiError::not_found("you have no such connection");
    let user_id: UserId = user_id.parse().map_err(|_| unknown())?;
    gateway.inbox().connection(&caller.reference_id, user_id).await?.ok_or_else(unknown)?;
    match caller.live.call(caller.live.clients.of_this_thread().deauthenticate_user(user_id)).await {
        // It was removed before.
        Ok(()) | Err(UpstreamError::Failed(Error::NotFound(_))) => {}
        Err(error) => return Err(error.into()),
    }
    gateway.inbox().deauthenticated(user_id).await?;
    Ok(Json(wire::Done::SUCCESS))
}

impl From<KnownConnection> for Connection {
    fn from(connection: KnownConnection) -> Self {
        let KnownConnection { connection_id: id, user_id, provider, state, connected_at, scopes, .. } = connection;
        Self { id, user_id, provider, state, connected_at, scopes }
    }
}

impl From<LoginFailure> for FailedConnection {
    fn from(LoginFailure { reason, at, .. }: LoginFailure) -> Self {
        Self { reason, at }
    }
}
