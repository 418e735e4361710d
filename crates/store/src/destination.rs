//! Webhook destinations.

use async_trait::async_trait;
use terra_auth_model::{
    destination::{Destination, Destinations},
    store_error::StoreError,
};
use terra_auth_types::{DestinationId, DevId};

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "destination_id, dev_id, url, event_types, description, enabled, created_at_ms, mac"
    };
}

statements! {
    ADD_DESTINATION: Sql::plain(concat!(
        "INSERT INTO destination (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    ));
    UPDATE_DESTINATION: Sql::plain(
        "UPDATE destination SET url = $1, event_types = $2, description = $3, enabled = $4, mac = $5
        WHERE destination_id = $6",
    );
    REMOVE_DESTINATION: Sql::plain("DELETE FROM destination WHERE destination_id = $1");
    DESTINATION: Sql::plain(concat!("SELECT ", columns!(), " FROM destination WHERE destination_id = $1"));
    DESTINATIONS_OF: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM destination WHERE dev_id = $1 ORDER BY created_at_ms, destination_id",
    ));
    ALL_DESTINATIONS: Sql::plain(concat!("SELECT ", columns!(), " FROM destination"));
}

#[async_trait]
impl<D: Database> Destinations for Queries<D> {
    async fn add_destination(&mut self, destination: &Destination) -> Result<(), StoreError> {
        let mac = self.mark_of(destination);
        let values = [
            destination.destination_id.value(),
            destination.dev_id.value(),
            destination.url.value(),
            event_types(destination)?,
            destination.description.value(),
            destination.enabled.value(),
            destination.created_at.value(),
            mac.value(),
        ];
        self.execute(ADD_DESTINATION, &values).await.map(drop)
    }

    async fn update_destination(&mut self, destination: &Destination) -> Result<bool, StoreError> {
        let mac = self.mark_of(destination);
        let values = [
            destination.url.value(),
            event_types(destination)?,
            destination.description.value(),
            destination.enabled.value(),
            mac.value(),
            destination.destination_id.value(),
        ];
        self.changes(UPDATE_DESTINATION, &values).await
    }

    async fn remove_destination(&mut self, destination_id: DestinationId) -> Result<bool, StoreError> {
        self.changes(REMOVE_DESTINATION, &[destination_id.value()]).await
    }

    async fn destination(&mut self, destination_id: DestinationId) -> Result<Option<Destination>, StoreError> {
        self.believed_first(DESTINATION, &[destination_id.value()]).await
    }

    async fn destinations(&mut self) -> Result<Vec<Destination>, StoreError> {
        self.believed(ALL_DESTINATIONS, &[]).await
    }

    async fn destinations_of(&mut self, dev_id: &DevId) -> Result<Vec<Destination>, StoreError> {
        self.believed(DESTINATIONS_OF, &[dev_id.value()]).await
    }
}

fn event_types(destination: &Destination) -> Result<Value<'_>, StoreError> {
    destination.event_types.as_ref().map_or(Ok(Value::Null), Value::json)
}

impl Record for Destination {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            destination_id: row.take()?,
            dev_id: row.take()?,
            url: row.take()?,
            event_types: row.take::<Option<Json<_>>>()?.map(|Json(types)| types),
            description: row.take()?,
            enabled: row.take()?,
            created_at: row.take()?,
        })
    }
}
