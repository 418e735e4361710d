//! Deliveries, waiting and ended.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    delivery::{AttemptOutcome, Deliveries, Delivery},
    store_error::StoreError,
};
use terra_auth_types::{DeliveryId, DevId};

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Column, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "delivery_id, dev_id, kind, payload, created_at_ms, attempts, next_attempt_at_ms"
    };
}

statements! {
    ADD_DELIVERY: Sql::plain(concat!(
        "INSERT INTO delivery (", columns!(), ", state) VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting')",
    ));
    ADD_DELIVERY_AFTER: Sql::plain(concat!(
        "INSERT INTO delivery (", columns!(), ", follows_id, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting')",
    ));
    // It falls due as the first of its environment, so that nothing newer comes between.
    RELEASE_FOLLOWERS: Sql::plain(
        "UPDATE delivery SET next_attempt_at_ms = created_at_ms
        WHERE follows_id = $1 AND state = 'waiting' AND attempts = 0",
    );
    // One seek in `delivery_queue` for each environment that has deliveries waiting, however many those are.
    DELIVERY_QUEUES: Sql::plain(
        "WITH RECURSIVE queue (dev_id) AS (
            SELECT MIN(dev_id) FROM delivery WHERE state = 'waiting'
            UNION ALL
            SELECT (SELECT MIN(delivery.dev_id) FROM delivery WHERE state = 'waiting' AND delivery.dev_id > queue.dev_id)
            FROM queue WHERE queue.dev_id IS NOT NULL
        )
        SELECT dev_id, due_at_ms FROM (
            SELECT queue.dev_id,
                (SELECT MIN(next_attempt_at_ms) FROM delivery
                WHERE state = 'waiting' AND delivery.dev_id = queue.dev_id) AS due_at_ms
            FROM queue WHERE queue.dev_id IS NOT NULL
        ) AS due WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms, dev_id",
    );
    CLAIM_DELIVERIES: Sql::locking(
        "WITH due AS MATERIALIZED (
            SELECT delivery_id FROM delivery WHERE state = 'waiting' AND dev_id = $1 AND next_attempt_at_ms <= $2
            ORDER BY next_attempt_at_ms, delivery_id LIMIT $3",
        Lock::ForUpdateSkipLocked,
        concat!(
            ") UPDATE delivery SET attempts = attempts + 1, next_attempt_at_ms = $4, attempted_at_ms = $2, leased = 1
            WHERE delivery_id IN (SELECT delivery_id FROM due) RETURNING ", columns!(),
        ),
    );
    RETRY_DELIVERY: Sql::plain(
        "UPDATE delivery SET next_attempt_at_ms = $1, leased = 0 WHERE delivery_id = $2 AND state = 'waiting'",
    );
    END_DELIVERY: Sql::plain("UPDATE delivery SET state = $1, leased = 0 WHERE delivery_id = $2 AND state = 'waiting'");
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
        "SELECT ", columns!(), " FROM delivery WHERE dev_id = $1
        ORDER BY created_at_ms DESC, delivery_id DESC LIMIT $2",
    ));
}

/// How something that waited has ended; `Err` holds the instant of its next attempt if it has not.
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

    async fn add_delivery_after(&mut self, delivery: &Delivery, before: DeliveryId) -> Result<(), StoreError> {
        self.execute(ADD_DELIVERY_AFTER, &[&values(delivery)[..], &[before.value()]].concat()).await.map(drop)
    }

    async fn delivery_queues(&mut self) -> Result<Vec<(DevId, Timestamp)>, StoreError> {
        let queues: Vec<Queue<DevId>> = self.all(DELIVERY_QUEUES, &[]).await?;
        Ok(queues.into_iter().map(|Queue(dev_id, due_at)| (dev_id, due_at)).collect())
    }

    async fn claim_deliveries(
        &mut self,
        dev_id: &DevId,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let values = [dev_id.value(), now.value(), limit.value(), lease_until.value()];
        let mut claimed: Vec<Delivery> = self.all(CLAIM_DELIVERIES, &values).await?;
        claimed.sort_unstable_by_key(|delivery| (delivery.created_at, delivery.delivery_id)); // RETURNING has no order
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
        delivery_id: DeliveryId,
        outcome: &AttemptOutcome,
    ) -> Result<(), StoreError> {
        match ended(outcome) {
            Ok(state) => {
                self.execute(END_DELIVERY, &[state.value(), delivery_id.value()]).await?;
                self.execute(RELEASE_FOLLOWERS, &[delivery_id.value()]).await.map(drop)
            }
            Err(at) => self.execute(RETRY_DELIVERY, &[at.value(), delivery_id.value()]).await.map(drop),
        }
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

fn values(delivery: &Delivery) -> [Value<'_>; 7] {
    [
        delivery.delivery_id.value(),
        delivery.dev_id.value(),
        delivery.kind.value(),
        delivery.payload.value(),
        delivery.created_at.value(),
        delivery.attempts.value(),
        delivery.next_attempt_at.value(),
    ]
}

/// The head of a queue: its key, and when its first row falls due.
pub(crate) struct Queue<K>(pub(crate) K, pub(crate) Timestamp);

impl<K: Column> Record for Queue<K> {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self(row.take()?, row.take()?))
    }
}

impl Record for Delivery {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            delivery_id: row.take()?,
            dev_id: row.take()?,
            kind: row.take()?,
            payload: row.take()?,
            created_at: row.take()?,
            attempts: row.take()?,
            next_attempt_at: row.take()?,
        })
    }
}
