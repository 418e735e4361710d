use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    delivery::AttemptOutcome,
    received_event::{EventFilter, ForwardCounts, ReceivedEvent},
    store_error::StoreError,
    unit,
};
use terra_auth_types::EventId;

use crate::inbox::{Inbox, text};

/// How long an attempt may take before another gateway may try: more than twice the longest, and room for clocks that differ.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How many events one answer holds at most.
pub const MAX_EVENTS: u32 = 200;
/// More than a line of a list shows.
const MAX_PROBLEM: usize = 512;

impl Inbox {
    /// Waits until something arrives that is to be forwarded. Events that other processes receive or replay are not noticed.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// Takes up to `limit` events that are to be forwarded; no other worker receives them for the time of a lease.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn claim_forwards(&self, limit: u32) -> Result<Vec<ReceivedEvent>, StoreError> {
        let now = self.now();
        let lease_until = now.saturating_add(LEASE).unwrap_or(Timestamp::MAX);
        self.0.store.run(ClaimForwards { now, lease_until, limit: limit.min(MAX_EVENTS) }).await
    }

    /// When the next event falls due, leases included; `None` when none waits.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn next_forward_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.0.store.read(NextForwardAt {}).await
    }

    /// Records how the attempt ended that an event was claimed for.
    ///
    /// False if that no longer counts: the lease had ended and another worker claimed it, or it was replayed.
    ///
    /// # Errors
    ///
    /// The store failed; the lease will end and the attempt be made again.
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

    /// The newest events that fit, newest first, at most [`MAX_EVENTS`].
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<ReceivedEvent>, StoreError> {
        let filter = EventFilter { limit: filter.limit.min(MAX_EVENTS), ..filter.clone() };
        self.0.store.read(Events { filter }).await
    }

    /// One event.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn event(&self, event_id: EventId) -> Result<Option<ReceivedEvent>, StoreError> {
        self.0.store.read(OneEvent { event_id }).await
    }

    /// Forwards an event once more, however its way went; false if there is none.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn replay(&self, event_id: EventId) -> Result<bool, StoreError> {
        let found = self.0.store.run(Replay { event_id, now: self.now() }).await?;
        self.0.arrived.notify_one();
        Ok(found)
    }

    /// Forwards up to `limit` events once more that were given up, oldest first; answers how many.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn replay_dead(&self, limit: u32) -> Result<u64, StoreError> {
        let replayed = self.0.store.run(ReplayDead { now: self.now(), limit }).await?;
        self.0.arrived.notify_one();
        Ok(replayed)
    }

    /// How many events have not reached the app.
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
