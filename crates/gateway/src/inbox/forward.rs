use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    delivery::AttemptOutcome,
    received_event::{EventFilter, ForwardCounts, ReceivedEvent},
    store_error::StoreError,
    unit,
};
use terra_auth_types::EventId;

use crate::inbox::{Inbox, text};

/// How long a claimed event is leased to one gateway: more than twice the longest attempt, with a
/// margin for clocks that differ.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// The maximum number of events in one result.
pub const MAX_EVENTS: u32 = 200;
/// Longer than a line of a list.
const MAX_PROBLEM: usize = 512;

impl Inbox {
    /// Waits until an event is ready to be forwarded. Events that other processes receive or replay
    /// are not noticed.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Claims up to `limit` due events. No other worker can claim them for the time of a lease.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_forwards(&self, limit: u32) -> Result<Vec<ReceivedEvent>, StoreError> {
        let now = self.now();
        let lease_until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        self.0.store.run(ClaimForwards { now, lease_until, limit: limit.min(MAX_EVENTS) }).await
    }

    /// Returns the time when the next event is due, leases included; `None` if no event waits.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn next_forward_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.store.read(NextForwardAt {}).await
    }

    /// Records the result of the attempt for a claimed event.
    ///
    /// Returns false if the claim is no longer valid: the lease had expired and another worker
    /// claimed the event, or it was replayed.
    ///
    /// # Errors
    ///
    /// The store failed; the lease will expire and the attempt will be repeated.
    pub async fn record_forward_attempt(
        &self,
        event: &ReceivedEvent,
        outcome: AttemptOutcome,
        problem: Option<String>,
    ) -> Result<bool, StoreError> {
        let claimed = ReceivedEvent { body: Vec::new(), ..event.clone() };
        let problem = problem.map(|problem| text(&problem, MAX_PROBLEM));
        self.0.store.run(SettleForward { claimed, outcome, problem }).await
    }

    /// Lists the events that match, newest first, at most [`MAX_EVENTS`].
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<ReceivedEvent>, StoreError> {
        let filter = EventFilter { limit: filter.limit.min(MAX_EVENTS), ..filter.clone() };
        self.0.store.read(Events { filter }).await
    }

    /// Finds one event.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn event(&self, event_id: EventId) -> Result<Option<ReceivedEvent>, StoreError> {
        self.0.store.read(OneEvent { event_id }).await
    }

    /// Schedules an event to be forwarded again, in any state; returns false if there is no such
    /// event.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn replay(&self, event_id: EventId) -> Result<bool, StoreError> {
        let found = self.0.store.run(Replay { event_id, now: self.now() }).await?;
        self.0.arrived.notify_one();
        Ok(found)
    }

    /// Schedules up to `limit` dead events to be forwarded again, oldest first; returns their
    /// number.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn replay_dead(&self, limit: u32) -> Result<u64, StoreError> {
        let replayed = self.0.store.run(ReplayDead { now: self.now(), limit }).await?;
        self.0.arrived.notify_one();
        Ok(replayed)
    }

    /// Counts the events that have not reached the app.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn counts(&self) -> Result<ForwardCounts, StoreError> {
        self.0.store.read(Counts {}).await
    }
}

unit!(ClaimForwards(now: Timestamp, lease_until: Timestamp, limit: u32) -> Vec<ReceivedEvent>
    = |tx| tx.claim_forwards(*now, *lease_until, *limit));
unit!(NextForwardAt() -> Option<Timestamp> = |tx| tx.next_forward_at());

unit!(SettleForward(claimed: ReceivedEvent, outcome: AttemptOutcome, problem: Option<String>) -> bool
    = |tx| tx.record_forward_attempt(claimed, outcome, problem.as_deref()));
unit!(Events(filter: EventFilter) -> Vec<ReceivedEvent> = |tx| tx.received_events(filter));

unit!(OneEvent(event_id: EventId) -> Option<ReceivedEvent> = |tx| tx.received_event(*event_id));

unit!(Replay(event_id: EventId, now: Timestamp) -> bool = |tx| tx.replay(*event_id, *now));

unit!(ReplayDead(now: Timestamp, limit: u32) -> u64 = |tx| tx.replay_dead(*now, *limit));

unit!(Counts() -> ForwardCounts = |tx| tx.forward_counts());
