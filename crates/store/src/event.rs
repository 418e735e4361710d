//! Events of an environment.

use async_trait::async_trait;
use terra_auth_model::{
    event::{EventRecord, Events},
    store_error::StoreError,
};
use terra_auth_types::{DevId, EventId};
use uuid::Uuid;

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "event_id, dev_id, kind, payload, user_id, reference_id, created_at_ms"
    };
}

statements! {
    ADD_EVENT: Sql::plain(concat!("INSERT INTO event (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"));
    EVENT: Sql::plain(concat!("SELECT ", columns!(), " FROM event WHERE dev_id = $1 AND event_id = $2"));
    EVENTS_AFTER: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM event WHERE dev_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3",
    ));
}

#[async_trait]
impl<D: Database> Events for Queries<D> {
    async fn add_event(&mut self, event: &EventRecord) -> Result<(), StoreError> {
        let values = [
            event.event_id.value(),
            event.dev_id.value(),
            event.kind.value(),
            event.payload.value(),
            event.user_id.value(),
            event.reference_id.value(),
            event.created_at.value(),
        ];
        self.execute(ADD_EVENT, &values).await.map(drop)
    }

    async fn event(&mut self, dev_id: &DevId, event_id: EventId) -> Result<Option<EventRecord>, StoreError> {
        self.first(EVENT, &[dev_id.value(), event_id.value()]).await
    }

    async fn events_after(
        &mut self,
        dev_id: &DevId,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let after = after.unwrap_or(EventId(Uuid::nil()));
        self.all(EVENTS_AFTER, &[dev_id.value(), after.value(), limit.value()]).await
    }
}

impl Record for EventRecord {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            event_id: row.take()?,
            dev_id: row.take()?,
            kind: row.take()?,
            payload: row.take()?,
            user_id: row.take()?,
            reference_id: row.take()?,
            created_at: row.take()?,
        })
    }
}
