//! Events of an environment: changes that its app is notified of.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, EventId, ReferenceId, UserId, wire::Event};

use crate::store_error::StoreError;

/// A stored event. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// The id, sent as `X-Terra-Trace-Id`.
    pub event_id: EventId,
    /// The environment.
    pub dev_id: DevId,
    /// The event's `type`.
    pub kind: String,
    /// The body, byte for byte as it is signed.
    pub payload: String,
    /// The user that the event is about.
    pub user_id: Option<UserId>,
    /// The app's own id for the end user.
    pub reference_id: Option<ReferenceId>,
    /// When the change happened.
    pub created_at: Timestamp,
}

impl EventRecord {
    /// Creates the record of an event.
    #[must_use]
    pub fn new(event_id: EventId, dev_id: &DevId, event: &Event, now: Timestamp) -> Self {
        let (user_id, reference_id) = subject(event);
        Self {
            event_id,
            dev_id: dev_id.clone(),
            kind: event.kind().to_owned(),
            payload: serde_json::json!(event).to_string(),
            user_id,
            reference_id: reference_id.and_then(|text| text.parse().ok()),
            created_at: now,
        }
    }
}

/// The user and the reference id that an event is about.
fn subject(event: &Event) -> (Option<UserId>, Option<String>) {
    let user = match event {
        Event::Auth(event) => &event.user,
        Event::Deauth(event) => &event.user,
        Event::UserReauth(event) => &event.new_user,
        Event::AccessRevoked(event) => &event.user,
        Event::PermissionChange(event) => &event.user,
        Event::ConnectionError(event) => &event.user,
        Event::AuthCancelled(event) => {
            let (user, reference_id) = (event.user.as_ref(), event.reference_id.clone());
            let of_user = || user.and_then(|user| user.reference_id.clone());
            return (user.map(|user| user.user_id), reference_id.or_else(of_user));
        }
        _ => {
            let body = serde_json::json!(event);
            let user = &body["user"];
            let user_id = user["user_id"].as_str().and_then(|text| text.parse().ok());
            return (user_id, user["reference_id"].as_str().or(body["reference_id"].as_str()).map(str::to_owned));
        }
    };
    (Some(user.user_id), user.reference_id.clone())
}

/// The verbs for events.
#[async_trait]
pub trait Events: Send {
    /// Adds an event.
    async fn add_event(&mut self, event: &EventRecord) -> Result<(), StoreError>;

    /// One event.
    async fn event(&mut self, dev_id: &DevId, event_id: EventId) -> Result<Option<EventRecord>, StoreError>;

    /// The events of an environment after one, or from the first, in the order of their ids, at most `limit`.
    async fn events_after(
        &mut self,
        dev_id: &DevId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StoreError>;
}
