//! Deliveries and their attempts.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    delivery::{AttemptOutcome, AttemptReport, AttemptTiming, Deliveries, Delivery, DeliveryAttempt, DeliveryFilter},
    store_error::StoreError,
};
use terra_auth_types::{
    DestinationId, DevId, EventId,
    wire::admin::{AdminDelivery, DeliveryState},
};

use uuid::Uuid;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Cell, Column, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "event_id, destination_id, dev_id, kind, created_at_ms, attempts, next_attempt_at_ms"
    };
}

macro_rules! attempt_columns {
    () => {
        "event_id, destination_id, number, attempted_at_ms, status, error, response, dns_ms, connect_ms, tls_ms,
        first_byte_ms, total_ms"
    };
}

macro_rules! listed_columns {
    () => {
        "delivery.event_id, delivery.destination_id, destination.url, delivery.kind, event.user_id, event.reference_id,
        delivery.created_at_ms, delivery.state, delivery.attempts, delivery.attempted_at_ms, delivery.next_attempt_at_ms,
        (SELECT status FROM delivery_attempt AS latest WHERE latest.event_id = delivery.event_id
            AND latest.destination_id = delivery.destination_id ORDER BY attempted_at_ms DESC, number DESC LIMIT 1),
        (SELECT error FROM delivery_attempt AS latest WHERE latest.event_id = delivery.event_id
            AND latest.destination_id = delivery.destination_id ORDER BY attempted_at_ms DESC, number DESC LIMIT 1)"
    };
}

/// A list of deliveries. A comparison comes before `IS NULL`, because PostgreSQL infers the type of a parameter from its first use.
/// `$user` and `$reference` are conditions that an index can use.
macro_rules! list {
    ($state:literal, $user:literal, $reference:literal) => {
        Sql::plain(concat!(
            "SELECT ",
            listed_columns!(),
            " FROM event
            JOIN delivery ON delivery.event_id = event.event_id
            JOIN destination ON destination.destination_id = delivery.destination_id
            WHERE event.dev_id = $1 AND event.event_id >= $2 AND event.event_id <= $3
                AND (event.event_id < $3 OR delivery.destination_id < $4)
                AND (delivery.destination_id = $5 OR $5 IS NULL) AND (delivery.kind = $6 OR $6 IS NULL)
                AND ",
            $state,
            " AND ",
            $user,
            " AND ",
            $reference,
            "
            ORDER BY event.event_id DESC, delivery.destination_id DESC LIMIT $10",
        ))
    };
}

/// The columns of a delivery, and the payload of its event.
macro_rules! with_payload {
    () => {
        concat!(columns!(), ", (SELECT payload FROM event WHERE event.event_id = delivery.event_id)")
    };
}

statements! {
    ADD_DELIVERY: Sql::plain(concat!(
        "INSERT INTO delivery (", columns!(), ", state) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting')",
    ));
    ADD_DELIVERY_AFTER: Sql::plain(concat!(
        "INSERT INTO delivery (", columns!(), ", follows_id, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting')",
    ));
    // It becomes due before all newer deliveries to its destination.
    RELEASE_FOLLOWERS: Sql::plain(
        "UPDATE delivery SET next_attempt_at_ms = created_at_ms
        WHERE follows_id = $1 AND destination_id = $2 AND state = 'waiting' AND attempts = 0",
    );
    // One index lookup in `delivery_queue` for each destination with waiting deliveries.
    DELIVERY_QUEUES: Sql::plain(
        "WITH RECURSIVE queue (destination_id) AS (
            SELECT (
                SELECT destination_id FROM delivery WHERE state = 'waiting' AND destination_id >= $1
                ORDER BY destination_id LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT delivery.destination_id FROM delivery
                WHERE state = 'waiting' AND delivery.destination_id > queue.destination_id
                ORDER BY delivery.destination_id LIMIT 1
            )
            FROM queue WHERE queue.destination_id IS NOT NULL
        )
        SELECT destination_id, due_at_ms FROM (
            SELECT queue.destination_id,
                (SELECT MIN(next_attempt_at_ms) FROM delivery
                WHERE state = 'waiting' AND delivery.destination_id = queue.destination_id) AS due_at_ms
            FROM queue WHERE queue.destination_id IS NOT NULL
        ) AS due WHERE due_at_ms IS NOT NULL AND EXISTS (
            SELECT 1 FROM destination WHERE destination.destination_id = due.destination_id AND enabled = 1
        ) ORDER BY due_at_ms, destination_id",
    );
    CLAIM_DELIVERIES: Sql::locking(
        "WITH due AS MATERIALIZED (
            SELECT event_id FROM delivery WHERE state = 'waiting' AND destination_id = $1 AND next_attempt_at_ms <= $2
            ORDER BY next_attempt_at_ms, event_id LIMIT $3",
        Lock::ForUpdateSkipLocked,
        concat!(
            ") UPDATE delivery SET attempts = attempts + 1, next_attempt_at_ms = $4, attempted_at_ms = $2, leased = 1
            WHERE destination_id = $1 AND event_id IN (SELECT event_id FROM due) RETURNING ", with_payload!(),
        ),
    );
    RETRY_DELIVERY: Sql::plain(
        "UPDATE delivery SET next_attempt_at_ms = $1, leased = 0
        WHERE event_id = $2 AND destination_id = $3 AND state = 'waiting'",
    );
    END_DELIVERY: Sql::plain(
        "UPDATE delivery SET state = $1, leased = 0 WHERE event_id = $2 AND destination_id = $3 AND state = 'waiting'",
    );
    RELEASE_DELIVERIES: Sql::plain(
        "UPDATE delivery SET next_attempt_at_ms = $1, leased = 0 WHERE state = 'waiting' AND leased = 1",
    );
    RESCHEDULE_DELIVERIES: Sql::plain(
        "UPDATE delivery SET next_attempt_at_ms = $1, attempted_at_ms = $1, leased = 0
        WHERE state = 'waiting' AND attempted_at_ms > $2",
    );
    WAITING_DELIVERIES: Sql::plain("SELECT COUNT(*) FROM delivery WHERE state = 'waiting'");
    WAITING_DELIVERIES_OF: Sql::plain("SELECT COUNT(*) FROM delivery WHERE dev_id = $1 AND state = 'waiting'");
    DELIVERIES: Sql::plain(concat!(
        "SELECT ", with_payload!(), " FROM delivery WHERE dev_id = $1
        ORDER BY created_at_ms DESC, event_id DESC LIMIT $2",
    ));
    LIST_DELIVERIES: list!(
        "(delivery.state = $7 OR $7 IS NULL)", "(event.user_id = $8 OR $8 IS NULL)",
        "(event.reference_id = $9 OR $9 IS NULL)"
    );
    LIST_DELIVERIES_OF_USER: list!(
        "(delivery.state = $7 OR $7 IS NULL)", "event.user_id = $8", "(event.reference_id = $9 OR $9 IS NULL)"
    );
    LIST_DELIVERIES_OF_REFERENCE: list!(
        "(delivery.state = $7 OR $7 IS NULL)", "(event.user_id = $8 OR $8 IS NULL)", "event.reference_id = $9"
    );
    DELIVERIES_OF_EVENT: Sql::plain(concat!(
        "SELECT ", listed_columns!(), " FROM event
        JOIN delivery ON delivery.event_id = event.event_id
        JOIN destination ON destination.destination_id = delivery.destination_id
        WHERE event.event_id = $1 ORDER BY delivery.destination_id",
    ));
    REPLAY_DELIVERY: Sql::plain(concat!(
        "INSERT INTO delivery (", columns!(), ", state) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting')
        ON CONFLICT (event_id, destination_id) DO UPDATE SET state = 'waiting', attempts = 0, leased = 0, follows_id = NULL,
            next_attempt_at_ms = excluded.next_attempt_at_ms",
    ));
    ADD_DELIVERY_ATTEMPT: Sql::plain(concat!(
        "INSERT INTO delivery_attempt (", attempt_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING",
    ));
    DELIVERY_ATTEMPTS: Sql::plain(concat!(
        "SELECT ", attempt_columns!(), " FROM delivery_attempt WHERE event_id = $1
        ORDER BY attempted_at_ms, number, destination_id",
    ));
}

/// The final state of a delivery; `Err` with the instant of the next attempt if it is not final.
pub(crate) const fn ended(outcome: &AttemptOutcome) -> Result<&'static str, Timestamp> {
    match outcome {
        AttemptOutcome::Done => Ok("done"),
        AttemptOutcome::GaveUp => Ok("gave_up"),
        AttemptOutcome::RetryAt(at) => Err(*at),
    }
}

#[async_trait]
impl<D: Database> Deliveries for Queries<D> {
    async fn add_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        self.execute(ADD_DELIVERY, &values(delivery)).await.map(drop)
    }

    async fn add_delivery_after(&mut self, delivery: &Delivery, before: EventId) -> Result<(), StoreError> {
        self.execute(ADD_DELIVERY_AFTER, &[&values(delivery)[..], &[before.value()]].concat()).await.map(drop)
    }

    async fn delivery_queues(&mut self) -> Result<Vec<(DestinationId, Timestamp)>, StoreError> {
        let queues: Vec<Queue<DestinationId>> = self.all(DELIVERY_QUEUES, &[Uuid::nil().value()]).await?;
        Ok(queues.into_iter().map(|Queue(destination_id, due_at)| (destination_id, due_at)).collect())
    }

    async fn claim_deliveries(
        &mut self,
        destination_id: DestinationId,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let values = [destination_id.value(), now.value(), limit.value(), lease_until.value()];
        let mut claimed: Vec<Delivery> = self.all(CLAIM_DELIVERIES, &values).await?;
        claimed.sort_unstable_by_key(|delivery| (delivery.created_at, delivery.event_id)); // RETURNING has no order
        Ok(claimed)
    }

    async fn release_deliveries(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        self.execute(RELEASE_DELIVERIES, &[now.value()]).await
    }

    async fn reschedule_deliveries(&mut self, now: Timestamp, attempted_after: Timestamp) -> Result<u64, StoreError> {
        self.execute(RESCHEDULE_DELIVERIES, &[now.value(), attempted_after.value()]).await
    }

    async fn record_delivery_attempt(
        &mut self,
        event_id: EventId,
        destination_id: DestinationId,
        outcome: &AttemptOutcome,
    ) -> Result<bool, StoreError> {
        match ended(outcome) {
            Ok(state) => {
                let values = [state.value(), event_id.value(), destination_id.value()];
                let was_waiting = self.changes(END_DELIVERY, &values).await?;
                self.execute(RELEASE_FOLLOWERS, &[event_id.value(), destination_id.value()]).await?;
                Ok(was_waiting)
            }
            Err(at) => self.changes(RETRY_DELIVERY, &[at.value(), event_id.value(), destination_id.value()]).await,
        }
    }

    async fn list_deliveries(&mut self, filter: &DeliveryFilter) -> Result<Vec<AdminDelivery>, StoreError> {
        let (before_event, before_destination) = filter.before;
        let sql = match (filter.user_id, &filter.reference_id) {
            (Some(_), _) => LIST_DELIVERIES_OF_USER,
            (None, Some(_)) => LIST_DELIVERIES_OF_REFERENCE,
            (None, None) => LIST_DELIVERIES,
        };
        let state = filter.state.map(stored_state);
        let values = [
            filter.dev_id.value(),
            filter.first.value(),
            before_event.value(),
            before_destination.value(),
            filter.destination_id.value(),
            filter.kind.value(),
            state.value(),
            filter.user_id.value(),
            filter.reference_id.value(),
            filter.limit.value(),
        ];
        self.all(sql, &values).await
    }

    async fn deliveries_of_event(&mut self, event_id: EventId) -> Result<Vec<AdminDelivery>, StoreError> {
        self.all(DELIVERIES_OF_EVENT, &[event_id.value()]).await
    }

    async fn replay_delivery(&mut self, delivery: &Delivery) -> Result<(), StoreError> {
        self.execute(REPLAY_DELIVERY, &values(delivery)).await.map(drop)
    }

    async fn add_delivery_attempt(&mut self, attempt: &DeliveryAttempt) -> Result<(), StoreError> {
        let DeliveryAttempt { event_id, destination_id, number, attempted_at, report } = attempt;
        let AttemptReport { status, error, response, timing } = report;
        let values = [
            event_id.value(),
            destination_id.value(),
            number.value(),
            attempted_at.value(),
            status.value(),
            error.value(),
            response.value(),
            timing.dns_ms.value(),
            timing.connect_ms.value(),
            timing.tls_ms.value(),
            timing.first_byte_ms.value(),
            timing.total_ms.value(),
        ];
        self.execute(ADD_DELIVERY_ATTEMPT, &values).await.map(drop)
    }

    async fn delivery_attempts(&mut self, event_id: EventId) -> Result<Vec<DeliveryAttempt>, StoreError> {
        self.all(DELIVERY_ATTEMPTS, &[event_id.value()]).await
    }

    async fn waiting_deliveries(&mut self) -> Result<u64, StoreError> {
        Ok(self.first(WAITING_DELIVERIES, &[]).await?.unwrap_or_default())
    }

    async fn waiting_deliveries_of(&mut self, dev_id: &DevId) -> Result<u64, StoreError> {
        Ok(self.first(WAITING_DELIVERIES_OF, &[dev_id.value()]).await?.unwrap_or_default())
    }

    async fn deliveries(&mut self, dev_id: &DevId, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        self.all(DELIVERIES, &[dev_id.value(), limit.value()]).await
    }
}

fn stored_state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Waiting => "waiting",
        DeliveryState::Delivered => "done",
        DeliveryState::Failed => "gave_up",
    }
}

struct StoredState(DeliveryState);

impl Column for StoredState {
    fn read(cell: Cell) -> Option<Self> {
        let name = String::read(cell)?;
        DeliveryState::ALL.into_iter().find(|state| stored_state(*state) == name).map(Self)
    }
}

impl Record for AdminDelivery {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let mut delivery = Self {
            event_id: row.take()?,
            destination_id: row.take()?,
            url: row.take()?,
            r#type: row.take()?,
            user_id: row.take()?,
            reference_id: row.take()?,
            created_at: row.take()?,
            state: row.take::<StoredState>()?.0,
            attempts: row.take()?,
            attempted_at: row.take()?,
            next_attempt_at: row.take()?,
            status: row.take()?,
            error: row.take()?,
        };
        delivery.next_attempt_at = delivery.next_attempt_at.filter(|_| delivery.state == DeliveryState::Waiting);
        Ok(delivery)
    }
}

fn values(delivery: &Delivery) -> [Value<'_>; 7] {
    [
        delivery.event_id.value(),
        delivery.destination_id.value(),
        delivery.dev_id.value(),
        delivery.kind.value(),
        delivery.created_at.value(),
        delivery.attempts.value(),
        delivery.next_attempt_at.value(),
    ]
}

/// A queue: its key, and when its first row is due.
pub(crate) struct Queue<K>(pub(crate) K, pub(crate) Timestamp);

impl<K: Column> Record for Queue<K> {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self(row.take()?, row.take()?))
    }
}

impl Record for Delivery {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: row.take()?,
            destination_id: row.take()?,
            dev_id: row.take()?,
            kind: row.take()?,
            created_at: row.take()?,
            attempts: row.take()?,
            next_attempt_at: row.take()?,
            payload: row.take()?,
        })
    }
}

impl Record for DeliveryAttempt {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: row.take()?,
            destination_id: row.take()?,
            number: row.take()?,
            attempted_at: row.take()?,
            report: AttemptReport {
                status: row.take()?,
                error: row.take()?,
                response: row.take()?,
                timing: AttemptTiming {
                    dns_ms: row.take()?,
                    connect_ms: row.take()?,
                    tls_ms: row.take()?,
                    first_byte_ms: row.take()?,
                    total_ms: row.take()?,
                },
            },
        })
    }
}
