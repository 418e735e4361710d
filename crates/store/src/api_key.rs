//! API keys.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    api_key::{ApiKeyRecord, ApiKeys},
    store_error::StoreError,
};
use terra_auth_types::{DevId, KeyId};

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "key_id, dev_id, name, hint, digest, scopes, created_at_ms, expires_at_ms, last_used_at_ms, mac"
    };
}

statements! {
    ADD_API_KEY: Sql::plain(concat!(
        "INSERT INTO api_key (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    ));
    API_KEYS: Sql::plain(concat!("SELECT ", columns!(), " FROM api_key ORDER BY created_at_ms, key_id"));
    API_KEYS_OF: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM api_key WHERE dev_id = $1 ORDER BY created_at_ms, key_id",
    ));
    LOCK_API_KEY: Sql::locking(
        concat!("SELECT ", columns!(), " FROM api_key WHERE dev_id = $1 AND key_id = $2"), Lock::ForUpdate, "",
    );
    END_API_KEY: Sql::plain(
        "UPDATE api_key SET expires_at_ms = CASE WHEN expires_at_ms < $1 THEN expires_at_ms ELSE $1 END
        WHERE dev_id = $2 AND key_id = $3",
    );
    TOUCH_API_KEY: Sql::plain(
        "UPDATE api_key SET last_used_at_ms = $1
        WHERE key_id = $2 AND (last_used_at_ms IS NULL OR last_used_at_ms < $1)",
    );
}

#[async_trait]
impl<D: Database> ApiKeys for Queries<D> {
    async fn add_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        let mac = self.mark_of(key);
        let values = [
            key.key_id.value(),
            key.dev_id.value(),
            key.name.value(),
            key.hint.value(),
            key.digest.value(),
            Value::json(&key.scopes)?,
            key.created_at.value(),
            key.expires_at.value(),
            key.last_used_at.value(),
            mac.value(),
        ];
        self.execute(ADD_API_KEY, &values).await?;
        Ok(())
    }

    async fn api_keys(&mut self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.believed(API_KEYS, &[]).await
    }

    async fn api_keys_of(&mut self, dev_id: &DevId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.believed(API_KEYS_OF, &[dev_id.value()]).await
    }

    async fn expire_api_key(
        &mut self,
        dev_id: &DevId,
        key_id: KeyId,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = [dev_id.value(), key_id.value()];
        let values = [expires_at.value(), dev_id.value(), key_id.value()];
        self.change_marked::<ApiKeyRecord>((LOCK_API_KEY, &key), END_API_KEY, &values).await
    }

    async fn touch_api_key(&mut self, key_id: KeyId, used_at: Timestamp) -> Result<(), StoreError> {
        self.execute(TOUCH_API_KEY, &[used_at.value(), key_id.value()]).await?;
        Ok(())
    }
}

impl Record for ApiKeyRecord {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            key_id: row.take()?,
            dev_id: row.take()?,
            name: row.take()?,
            hint: row.take()?,
            digest: row.take()?,
            scopes: row.take::<Json<_>>()?.0,
            created_at: row.take()?,
            expires_at: row.take()?,
            last_used_at: row.take()?,
        })
    }
}
