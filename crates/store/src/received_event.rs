//! Received events, and forwarding them to the app.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    delivery::AttemptOutcome,
    received_event::{EventFilter, ForwardCounts, ForwardState, NewEvent, ReceivedEvent, ReceivedEvents},
    store_error::StoreError,
};
use terra_auth_types::EventId;
use uuid::Uuid;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "event_id, trace_id, reference, ordering, kind, user_id, received_at_ms, state, attempts, next_attempt_at_ms, problem, body"
    };
}

/// The newest events before one, with another condition.
macro_rules! newest {
    ($condition:literal) => {
        Sql::plain(concat!(
            "SELECT ",
            columns!(),
            " FROM received_event WHERE event_id < $1 AND (state = $2 OR $2 IS NULL) AND (kind = $3 OR $3 IS NULL)
            AND (user_id = $4 OR $4 IS NULL)",
            $condition,
            " ORDER BY event_id DESC LIMIT $5",
        ))
    };
}

/// Makes events due at `$1`.
macro_rules! replay {
    ($which:literal) => {
        concat!(
            "UPDATE received_event SET state = 'waiting', attempts = 0, problem = NULL, next_attempt_at_ms = $1
            WHERE event_id ",
            $which
        )
    };
}

statements! {
    ADD_RECEIVED_EVENT: Sql::plain(concat!(
        "INSERT INTO received_event (", columns!(), ", digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
    ));
    CLAIM_FORWARDS: Sql::locking(
        "WITH due AS MATERIALIZED (
            SELECT event_id FROM received_event WHERE state = 'waiting' AND next_attempt_at_ms <= $1
            ORDER BY next_attempt_at_ms, event_id LIMIT $2",
        Lock::ForUpdateSkipLocked,
        concat!(
            ") UPDATE received_event SET attempts = attempts + 1, next_attempt_at_ms = $3
            WHERE event_id IN (SELECT event_id FROM due) RETURNING ", columns!(),
        ),
    );
    SETTLE_FORWARD: Sql::plain(
        "UPDATE received_event SET state = $1, next_attempt_at_ms = $2, problem = $3
        WHERE event_id = $4 AND state = 'waiting' AND attempts = $5 AND next_attempt_at_ms = $6",
    );
    NEXT_FORWARD_AT: Sql::plain("SELECT MIN(next_attempt_at_ms) FROM received_event WHERE state = 'waiting'");
    WAITING_FORWARDS: Sql::plain("SELECT COUNT(*) FROM received_event WHERE state = 'waiting'");
    DEAD_FORWARDS: Sql::plain("SELECT COUNT(*) FROM received_event WHERE state = 'dead'");
    RECEIVED_EVENT: Sql::plain(concat!("SELECT ", columns!(), " FROM received_event WHERE event_id = $1"));
    RECEIVED_EVENTS: newest!("");
    DEAD_EVENTS: newest!(" AND state = 'dead'");
    REPLAY: Sql::plain(replay!("= $2"));
    REPLAY_DEAD: Sql::plain(replay!(
        "IN (SELECT event_id FROM received_event WHERE state = 'dead' ORDER BY event_id LIMIT $2) AND state = 'dead'"
    ));
}

#[async_trait]
impl<D: Database> ReceivedEvents for Queries<D> {
    async fn add_received_event(&mut self, new: &NewEvent) -> Result<bool, StoreError> {
        let event = &new.event;
        let values = [
            event.event_id.value(),
            event.trace_id.value(),
            event.reference.value(),
            event.ordering.value(),
            event.kind.value(),
            event.user_id.value(),
            event.received_at.value(),
            event.state.value(),
            event.attempts.value(),
            event.next_attempt_at.value(),
            event.problem.value(),
            event.body.value(),
            new.digest.value(),
        ];
        self.changes(ADD_RECEIVED_EVENT, &values).await
    }

    async fn claim_forwards(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ReceivedEvent>, StoreError> {
        let values = [now.value(), limit.value(), lease_until.value()];
        let mut claimed: Vec<ReceivedEvent> = self.all(CLAIM_FORWARDS, &values).await?;
        claimed.sort_unstable_by_key(|event| event.event_id); // RETURNING has no order
        Ok(claimed)
    }

    async fn record_forward_attempt(
        &mut self,
        claimed: &ReceivedEvent,
        outcome: &AttemptOutcome,
        problem: Option<&str>,
    ) -> Result<bool, StoreError> {
        let (state, next_attempt_at) = match outcome {
            AttemptOutcome::Done => (ForwardState::Done, claimed.next_attempt_at),
            AttemptOutcome::GaveUp => (ForwardState::Dead, claimed.next_attempt_at),
            AttemptOutcome::RetryAt(at) => (ForwardState::Waiting, *at),
        };
        let values = [
            state.value(),
            next_attempt_at.value(),
            problem.value(),
            claimed.event_id.value(),
            claimed.attempts.value(),
            claimed.next_attempt_at.value(),
        ];
        self.changes(SETTLE_FORWARD, &values).await
    }

    async fn next_forward_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.first(NEXT_FORWARD_AT, &[]).await?.flatten())
    }

    async fn forward_counts(&mut self) -> Result<ForwardCounts, StoreError> {
        Ok(ForwardCounts {
            waiting: self.first(WAITING_FORWARDS, &[]).await?.unwrap_or_default(),
            dead: self.first(DEAD_FORWARDS, &[]).await?.unwrap_or_default(),
        })
    }

    async fn received_event(&mut self, event_id: EventId) -> Result<Option<ReceivedEvent>, StoreError> {
        self.first(RECEIVED_EVENT, &[event_id.value()]).await
    }

    async fn received_events(&mut self, filter: &EventFilter) -> Result<Vec<ReceivedEvent>, StoreError> {
        let before = filter.before.unwrap_or(EventId(Uuid::max()));
        let values =
            [before.value(), filter.state.value(), filter.kind.value(), filter.user_id.value(), filter.limit.value()];
        let sql = if filter.state == Some(ForwardState::Dead) { DEAD_EVENTS } else { RECEIVED_EVENTS };
        self.all(sql, &values).await
    }

    async fn replay(&mut self, event_id: EventId, now: Timestamp) -> Result<bool, StoreError> {
        self.changes(REPLAY, &[now.value(), event_id.value()]).await
    }

    async fn replay_dead(&mut self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.execute(REPLAY_DEAD, &[now.value(), limit.value()]).await
    }
}

impl Record for ReceivedEvent {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: row.take()?,
            trace_id: row.take()?,
            reference: row.take()?,
            ordering: row.take()?,
            kind: row.take()?,
            user_id: row.take()?,
            received_at: row.take()?,
            state: row.take()?,
            attempts: row.take()?,
            next_attempt_at: row.take()?,
            problem: row.take()?,
            body: row.take()?,
        })
    }
}
