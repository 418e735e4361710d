//! Webhooks that a gateway received, and their forwarding to the app.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::{EventId, UserId};

use crate::{delivery::AttemptOutcome, store_error::StoreError};

/// A received webhook and the state of its forwarding to the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// The id; a later event sorts after an earlier one.
    pub event_id: EventId,
    /// The sender's `X-Terra-Trace-Id`.
    pub trace_id: Option<String>,
    /// The sender's `terra-reference`, for people.
    pub reference: Option<String>,
    /// The sender's `X-Terra-Ordering-Timestamp`, as it came.
    pub ordering: Option<String>,
    /// The event's `type`; empty if the body has none.
    pub kind: String,
    /// The upstream's id of the connection that the event is about.
    pub user_id: Option<UserId>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// When it was received.
    pub received_at: Timestamp,
    /// The forwarding state.
    pub state: ForwardState,
    /// The number of attempts.
    pub attempts: u32,
    /// When the next attempt is due; during an attempt, when its lease ends.
    pub next_attempt_at: Timestamp,
    /// Why the latest attempt failed.
    pub problem: Option<String>,
}

/// The forwarding state of a received event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardState {
    /// The event is waiting to be forwarded.
    Waiting,
    /// The app accepted the event.
    Done,
    /// All attempts failed.
    Dead,
    /// No app was configured to receive it.
    Kept,
}

impl ForwardState {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Kept => "kept",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Done, Self::Dead, Self::Kept].into_iter().find(|state| state.as_str() == name)
    }
}

/// An event to record, with the digest that recognises a repetition.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: ReceivedEvent,
    /// SHA-256 of the signed content.
    pub digest: [u8; 32],
}

/// A filter for events; an empty filter matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Events before this one, for the next page.
    pub before: Option<EventId>,
    /// Events in this state.
    pub state: Option<ForwardState>,
    /// Events of this type.
    pub kind: Option<String>,
    /// Events about this connection.
    pub user_id: Option<UserId>,
    /// The maximum number of events.
    pub limit: u32,
}

/// The numbers of events that the app has not received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwardCounts {
    /// Waiting events, including attempts in progress.
    pub waiting: u64,
    /// Events whose attempts all failed.
    pub dead: u64,
}

/// The verbs for received events.
#[async_trait]
pub trait ReceivedEvents: Send {
    /// Records an event, unless its trace id or its digest is known. Returns whether it was recorded.
    async fn add_received_event(&mut self, new: &NewEvent) -> Result<bool, StoreError>;

    /// Claims up to `limit` due events, oldest first, and leases them until `lease_until`. The attempt is counted here, so an
    /// interrupted attempt counts too.
    async fn claim_forwards(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReceivedEvent>, StoreError>;

    /// Records the result of a claimed attempt. Returns whether the claim was still valid.
    async fn record_forward_attempt(
        &mut self,
        claimed: &ReceivedEvent,
        outcome: &AttemptOutcome,
        problem: Option<&str>,
    ) -> Result<bool, StoreError>;

    /// When the next event is due or the next lease ends; `None` if no event waits.
    async fn next_forward_at(&mut self) -> Result<Option<Timestamp>, StoreError>;

    /// The numbers of events that the app has not received.
    async fn forward_counts(&mut self) -> Result<ForwardCounts, StoreError>;

    /// One event.
    async fn received_event(&mut self, event_id: EventId) -> Result<Option<ReceivedEvent>, StoreError>;

    /// The newest matching events, newest first.
    async fn received_events(&mut self, filter: &EventFilter) -> Result<Vec<ReceivedEvent>, StoreError>;

    /// Makes an event due as if it had no attempts. Returns whether it exists.
    async fn replay(&mut self, event_id: EventId, now: Timestamp) -> Result<bool, StoreError>;

    /// The same for up to `limit` events whose attempts all failed, oldest first. Returns the number of events.
    async fn replay_dead(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
