use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use terra_auth_types::{EventId, UserId};

use crate::{delivery::AttemptOutcome, store::StoreError};

/// A webhook that was received, and how its way on to the app goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// Names it; a later one sorts after it.
    pub event_id: EventId,
    /// The sender's `X-Terra-Trace-Id`.
    pub trace_id: Option<String>,
    /// The sender's `terra-reference`, for people.
    pub reference: Option<String>,
    /// The sender's `X-Terra-Ordering-Timestamp`, as it came.
    pub ordering: Option<String>,
    /// The event's `type`; empty if the body has none.
    pub kind: String,
    /// The upstream's name for the connection it is about.
    pub user_id: Option<UserId>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
    /// How its way on goes.
    pub state: ForwardState,
    /// How often it was tried to forward it.
    pub attempts: u32,
    /// When to try next; while an attempt is made, when it is taken for dead.
    pub next_attempt_at: Timestamp,
    /// Why the latest attempt failed.
    pub problem: Option<String>,
}

/// How the way of a received event to the app goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardState {
    /// It is to be forwarded.
    Waiting,
    /// The app has it.
    Done,
    /// The app did not take it, and nothing more is tried.
    Dead,
    /// There was no app to forward it to.
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

/// An event that is to be recorded, with what recognises it when it comes again.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The event.
    pub event: ReceivedEvent,
    /// SHA-256 of what its sender signed.
    pub digest: [u8; 32],
}

/// Which events are asked for; nothing set means all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Only those before this one, for the next page.
    pub before: Option<EventId>,
    /// Only those whose way goes so.
    pub state: Option<ForwardState>,
    /// Only those of a type.
    pub kind: Option<String>,
    /// Only those about a connection.
    pub user_id: Option<UserId>,
    /// How many at most.
    pub limit: u32,
}

/// How many events have not reached the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ForwardCounts {
    /// On their way, attempts that are being made included.
    pub waiting: u64,
    /// Given up.
    pub dead: u64,
}

/// The verbs for received events.
#[async_trait]
pub trait ReceivedEvents: Send {
    /// Records an event, unless its trace id or its digest is known; answers whether it was recorded.
    async fn add_received_event(&mut self, new: &NewEvent) -> Result<bool, StoreError>;

    /// Takes up to `limit` events that are due, oldest first, and hides them from others until `lease_until`.
    /// The attempt is counted here, so one that dies halfway counts too.
    async fn claim_forwards(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReceivedEvent>, StoreError>;

    /// Records how the attempt ended that `claimed` was taken for; answers whether it still counted.
    async fn settle_forward(
        &mut self,
        claimed: &ReceivedEvent,
        outcome: &AttemptOutcome,
        problem: Option<&str>,
    ) -> Result<bool, StoreError>;

    /// When the next event falls due, leases included; `None` when none waits.
    async fn next_forward_at(&mut self) -> Result<Option<Timestamp>, StoreError>;

    /// How many events have not reached the app.
    async fn forward_counts(&mut self) -> Result<ForwardCounts, StoreError>;

    /// One event.
    async fn received_event(&mut self, event_id: EventId) -> Result<Option<ReceivedEvent>, StoreError>;

    /// The newest events that fit, newest first.
    async fn received_events(&mut self, filter: &EventFilter) -> Result<Vec<ReceivedEvent>, StoreError>;

    /// Makes an event due as if it had never been tried; answers whether it is there.
    async fn replay(&mut self, event_id: EventId, now: Timestamp) -> Result<bool, StoreError>;

    /// The same for up to `limit` events that were given up, oldest first; answers how many.
    async fn replay_dead(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
}
