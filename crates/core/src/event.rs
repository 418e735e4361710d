//! What webhooks tell about connections.

use terra_auth_types::{
    SessionId,
    wire::{self, Event, Status},
};
use uuid::Uuid;

use crate::{connection::Connection, open_session::OpenSession};

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

/// Another set of scopes is granted than `before`; `None` where it is the same, or nobody knew what it was.
pub(crate) fn permission_event(connection: &Connection, before: Option<&str>) -> Option<Event> {
    let names = |text| -> Vec<&str> { split(text).collect() };
    let (before, after) = (names(before?), names(connection.scopes.as_deref()?));
    let only_in = |these: &[&str], those: &[&str]| {
        let only: Vec<_> = these.iter().copied().filter(|name| !those.contains(name)).collect();
        only.join(",")
    };
    let (scopes_added, scopes_removed) = (only_in(&after, &before), only_in(&before, &after));
    let differ = !(scopes_added.is_empty() && scopes_removed.is_empty());
    differ.then(|| {
        Event::PermissionChange(wire::PermissionChange {
            user: connection.to_wire(),
            status: Status::Warning,
            message: "User permissions have been modified".to_owned(),
            version: version(),
            scopes_added,
            scopes_removed,
        })
    })
}

fn split(scopes: &str) -> impl Iterator<Item = &str> {
    scopes.split(',').map(str::trim).filter(|name| !name.is_empty())
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
