//! Creates the webhook events about connections, and adds them with their deliveries.

use jiff::Timestamp;
use terra_auth_model::{
    connection::Connection,
    delivery::{Delivery, PREDECESSOR_TIMEOUT},
    event::EventRecord,
    store::Tx,
    store_error::StoreError,
    unit,
};
use terra_auth_types::{
    DevId, EventId, SessionId, UserId,
    wire::{self, Event, Status},
};
use uuid::Uuid;

use crate::{auth::Auth, login::open_session::OpenSession};

impl Auth {
    /// Adds an event, and a delivery to each destination that accepts its type.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn publish(&self, event: EventRecord) -> Result<(), StoreError> {
        self.store().run(PublishEvent { event }).await?;
        self.outbox().notify_one();
        Ok(())
    }

    /// Returns the events of an environment after one, or from the first, in the order of their ids.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn events_after(
        &self,
        dev_id: &DevId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.store().read(ReadEvents { dev_id: dev_id.clone(), after, limit }).await
    }
}

unit!(PublishEvent(event: EventRecord) -> () = |tx| publish(tx, event));
unit!(ReadEvents(dev_id: DevId, after: Option<EventId>, limit: u32) -> Vec<EventRecord>
    = |tx| tx.events_after(dev_id, *after, *limit));

/// Adds an event, and a delivery to each destination that accepts its type.
pub(crate) async fn publish(tx: &mut dyn Tx, event: &EventRecord) -> Result<(), StoreError> {
    tx.add_event(event).await?;
    for destination in tx.destinations_of(&event.dev_id).await? {
        if destination.accepts(&event.kind) {
            tx.add_delivery(&Delivery::new(event, destination.destination_id, event.created_at)).await?;
        }
    }
    Ok(())
}

/// Adds an event that a destination receives after the event `first`.
pub(crate) async fn publish_after(tx: &mut dyn Tx, event: &EventRecord, first: EventId) -> Result<(), StoreError> {
    tx.add_event(event).await?;
    let latest = event.created_at.saturating_add(PREDECESSOR_TIMEOUT).unwrap_or(Timestamp::MAX);
    for destination in tx.destinations_of(&event.dev_id).await? {
        if destination.accepts(&event.kind) {
            tx.add_delivery_after(&Delivery::new(event, destination.destination_id, latest), first).await?;
        }
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

pub(crate) fn reauth_event(new: &Connection, old: &Connection, proof: Proof) -> Event {
    let message = match proof {
        Proof::OfUser => "User has reauthenticated and old ID has been deleted",
        Proof::Claim => {
            "User has reauthenticated and old ID has been deleted: another device named this user, with a token that was \
             not bound to a reference id"
        }
    };
    Event::UserReauth(wire::UserReauth {
        new_user: new.to_wire(),
        old_user: Some(old.to_wire()),
        old_user_id: None,
        status: Status::Warning,
        message: message.to_owned(),
        version: version(),
    })
}

/// Returns a `permission_change` event if the scopes differ from `before`; `None` if they are the same or unknown.
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

/// The event for a grant that no longer exists, according to the provider.
pub(crate) fn revoked_event(connection: &Connection) -> Event {
    Event::AccessRevoked(wire::AccessRevoked {
        user: connection.to_wire(),
        status: Status::Warning,
        message: "The provider no longer grants access".to_owned(),
    })
}

/// The event for a connection that does not work, with the reason.
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

/// Returns an example event of each type, created like real ones, for the API reference.
///
/// The end user `user_1` of the environment `acme-testing-4fd81c` connects at Garmin on 5 December 2026.
///
/// # Errors
///
/// Never: all ids in the examples are valid.
pub fn examples() -> Result<[Event; 7], Box<dyn std::error::Error + Send + Sync>> {
    let user_id = |last: u8| UserId(Uuid::from_u128(0x3f1b_6c52_9c1e_4c6b_8f0a_5d2f_7b9e_4a00 | u128::from(last)));
    let connection = Connection {
        user_id: user_id(0x11),
        dev_id: "acme-testing-4fd81c".parse()?,
        provider: "GARMIN".parse()?,
        account: "garmin-account-1".to_owned(),
        reference_id: Some("user_1".parse()?),
        scopes: Some("activity,sleep".to_owned()),
        active: true,
        created_at: "2026-12-05T12:00:00Z".parse::<Timestamp>()?,
        last_webhook_update: None,
        grant: None,
    };
    let before = Connection { user_id: user_id(0x10), active: false, ..connection.clone() };
    let inactive = Connection { active: false, ..connection.clone() };
    let flow_id = Uuid::from_u128(0x5c0d_2a77_1e3b_4f6a_9b8c_7d6e_5f4a_3b2c);
    let session_id = "0f9e8d7c-6b5a-4f3e-8d2c-1b0a9f8e7d6c".parse()?;
    let cancelled = wire::AuthCancelled {
        status: Status::Error,
        flow_id: Some(flow_id.to_string()),
        reason: Some("access_denied".to_owned()),
        reference_id: Some("user_1".to_owned()),
        user: None,
    };
    Ok([
        auth_event(&connection, Some(flow_id), Some(session_id)),
        Event::AuthCancelled(cancelled),
        deauth_event(&inactive),
        reauth_event(&connection, &before, Proof::OfUser),
        revoked_event(&inactive),
        permission_event(&connection, Some("activity")).unwrap_or_else(|| deauth_event(&inactive)),
        error_event(&inactive, "The end user must connect again"),
    ])
}

#[cfg(test)]
mod tests {
    use terra_auth_types::wire::Event;

    #[test]
    fn there_is_an_example_of_every_type() {
        let examples = super::examples().unwrap();
        assert_eq!(examples.each_ref().map(Event::kind), Event::TYPES);
    }
}

/// Whether a new connection provably belongs to the end user of its reference id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The app's backend named the end user.
    OfUser,
    /// Only a phone named the end user, because its mobile token was created without a reference id.
    Claim,
}
