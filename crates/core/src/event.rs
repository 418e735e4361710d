//! What webhooks tell about connections.

use jiff::Timestamp;
use terra_auth_types::{
    DeliveryId, SessionId,
    wire::{self, Event, Status},
};
use uuid::Uuid;

use crate::{
    connection::Connection,
    delivery::Delivery,
    open_session::OpenSession,
    store::{StoreError, Tx},
};

/// Puts a connection in the place of earlier ones, and tells so: `auth`, then `user_reauth` if one was replaced.
///
/// Source: "When a user comes back" in `docs/compatibility.md`.
pub(crate) async fn replace_connections(
    tx: &mut dyn Tx,
    new: &Connection,
    earlier: &[Connection],
    auth: &Event,
    [auth_id, reauth_id]: [DeliveryId; 2],
    now: Timestamp,
) -> Result<(), StoreError> {
    for old in earlier {
        tx.take_connection(&old.dev_id, old.user_id).await?;
    }
    tx.add_connection(new).await?;
    tx.add_delivery(&Delivery::new(auth_id, &new.dev_id, auth, now)).await?;
    if let Some(old) = earlier.iter().rev().find(|old| old.active) {
        tx.add_delivery(&Delivery::new(reauth_id, &new.dev_id, &reauth_event(new, old), now)).await?;
    }
    Ok(())
}

pub(crate) fn cancelled_event(open: &OpenSession, flow_id: Option<Uuid>, reason: &str) -> Event {
    Event::AuthCancelled(wire::AuthCancelled {
        status: Status::Error,
        flow_id: flow_id.map(|id| id.to_string()),
        reason: Some(reason.to_owned()),
        reference_id: open.session.request.reference_id.as_ref().map(ToString::to_string),
        user: None,
    })
}

pub(crate) fn auth_event(connection: &Connection, flow_id: Option<Uuid>, session_id: Option<SessionId>) -> Event {
    Event::Auth(wire::Auth {
        status: Status::Success,
        user: connection.to_wire(),
        message: Some("User has successfully authenticated".to_owned()),
        flow_id: flow_id.map(|id| id.to_string()),
        widget_session_id: session_id.map(|id| id.to_string()),
        reference_id: connection.reference_id.as_ref().map(ToString::to_string),
        version: version(),
    })
}

pub(crate) fn reauth_event(new: &Connection, old: &Connection) -> Event {
    Event::UserReauth(wire::UserReauth {
        new_user: new.to_wire(),
        old_user: Some(old.to_wire()),
        old_user_id: None,
        status: Status::Warning,
        message: "User has reauthenticated and old ID has been deleted".to_owned(),
        version: version(),
    })
}

/// The provider says that the grant is gone.
pub(crate) fn revoked_event(connection: &Connection) -> Event {
    Event::AccessRevoked(wire::AccessRevoked {
        user: connection.to_wire(),
        status: Status::Warning,
        message: "The provider no longer grants access".to_owned(),
    })
}

/// The connection does not work, and why.
pub(crate) fn error_event(connection: &Connection, message: &str) -> Event {
    Event::ConnectionError(wire::ConnectionError {
        user: connection.to_wire(),
        status: Status::Warning,
        message: message.to_owned(),
    })
}

pub(crate) fn deauth_event(connection: &Connection) -> Event {
    Event::Deauth(wire::Deauth {
        user: connection.to_wire(),
        status: Status::Success,
        message: "User has deauthenticated".to_owned(),
    })
}

fn version() -> String {
    wire::API_VERSION.to_owned()
}
