//! The data keys, wrapped by a master key.

use async_trait::async_trait;
use terra_auth_model::{
    keys::{DataKey, DataKeys},
    store_error::StoreError,
};

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "purpose, number, wrapped_by, wrapped, created_at_ms, activated_at_ms, retired_at_ms"
    };
}

statements! {
    DATA_KEYS: Sql::plain(concat!("SELECT ", columns!(), " FROM data_key ORDER BY purpose, number"));
    ADD_DATA_KEY: Sql::plain(concat!(
        "INSERT INTO data_key (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (purpose, number) DO NOTHING",
    ));
    UPDATE_DATA_KEY: Sql::plain(
        "UPDATE data_key SET wrapped_by = $1, wrapped = $2, activated_at_ms = $3, retired_at_ms = $4
        WHERE purpose = $5 AND number = $6",
    );
}

#[async_trait]
impl<D: Database> DataKeys for Queries<D> {
    async fn data_keys(&mut self) -> Result<Vec<DataKey>, StoreError> {
        self.all(DATA_KEYS, &[]).await
    }

    async fn add_data_key(&mut self, key: &DataKey) -> Result<bool, StoreError> {
        let values = [
            key.purpose.value(),
            key.number.value(),
            key.wrapped_by.value(),
            key.wrapped.value(),
            key.created_at.value(),
            key.activated_at.value(),
            key.retired_at.value(),
        ];
        self.changes(ADD_DATA_KEY, &values).await
    }

    async fn update_data_key(&mut self, key: &DataKey) -> Result<bool, StoreError> {
        let values = [
            key.wrapped_by.value(),
            key.wrapped.value(),
            key.activated_at.value(),
            key.retired_at.value(),
            key.purpose.value(),
            key.number.value(),
        ];
        self.changes(UPDATE_DATA_KEY, &values).await
    }
}

impl Record for DataKey {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            purpose: row.take()?,
            number: row.take()?,
            wrapped_by: row.take()?,
            wrapped: row.take()?,
            created_at: row.take()?,
            activated_at: row.take()?,
            retired_at: row.take()?,
        })
    }
}
