//! Developers and their keys.

use async_trait::async_trait;
use terra_auth_core::{
    developer::{ApiKeyRecord, Developer, Developers},
    store::StoreError,
};
use terra_auth_types::DevId;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "dev_id, environment, name, logo_url, accent, user_limit, providers, redirect_allow_list, destination,
        signing_secret, created_at_ms"
    };
}

statements! {
    ADD_DEVELOPER: Sql::plain(concat!(
        "INSERT INTO developer (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (dev_id) DO NOTHING",
    ));
    UPDATE_DEVELOPER: Sql::plain(
        "UPDATE developer SET name = $1, logo_url = $2, accent = $3, user_limit = $4, providers = $5,
            redirect_allow_list = $6, destination = $7, signing_secret = $8
        WHERE dev_id = $9",
    );
    DEVELOPER: Sql::plain(concat!("SELECT ", columns!(), " FROM developer WHERE dev_id = $1"));
    HOLD_DEVELOPER: Sql::locking(
        concat!("SELECT ", columns!(), " FROM developer WHERE dev_id = $1"), Lock::ForUpdate, "",
    );
    DEVELOPERS: Sql::plain(concat!("SELECT ", columns!(), " FROM developer ORDER BY dev_id"));
    ADD_API_KEY: Sql::plain(
        "INSERT INTO api_key (key_id, dev_id, name, digest, created_at_ms, expires_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6)",
    );
    API_KEYS: Sql::plain(
        "SELECT key_id, dev_id, name, digest, created_at_ms, expires_at_ms FROM api_key ORDER BY created_at_ms, key_id",
    );
}

#[async_trait]
impl<D: Database> Developers for Queries<D> {
    async fn add_developer(&mut self, developer: &Developer) -> Result<bool, StoreError> {
        let values = [
            developer.dev_id.value(),
            developer.environment.value(),
            developer.name.value(),
            developer.logo_url.value(),
            developer.accent.value(),
            developer.user_limit.value(),
            providers(developer)?,
            Value::json(&developer.redirect_allow_list)?,
            developer.destination.value(),
            developer.signing_secret.value(),
            developer.created_at.value(),
        ];
        self.changes(ADD_DEVELOPER, &values).await
    }

    async fn update_developer(&mut self, developer: &Developer) -> Result<bool, StoreError> {
        let values = [
            developer.name.value(),
            developer.logo_url.value(),
            developer.accent.value(),
            developer.user_limit.value(),
            providers(developer)?,
            Value::json(&developer.redirect_allow_list)?,
            developer.destination.value(),
            developer.signing_secret.value(),
            developer.dev_id.value(),
        ];
        self.changes(UPDATE_DEVELOPER, &values).await
    }

    async fn developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError> {
        self.first(DEVELOPER, &[dev_id.value()]).await
    }

    async fn hold_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError> {
        self.first(HOLD_DEVELOPER, &[dev_id.value()]).await
    }

    async fn developers(&mut self) -> Result<Vec<Developer>, StoreError> {
        self.all(DEVELOPERS, &[]).await
    }

    async fn add_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError> {
        let values = [
            key.key_id.value(),
            key.dev_id.value(),
            key.name.value(),
            key.digest.value(),
            key.created_at.value(),
            key.expires_at.value(),
        ];
        self.execute(ADD_API_KEY, &values).await?;
        Ok(())
    }

    async fn api_keys(&mut self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.all(API_KEYS, &[]).await
    }
}

fn providers(developer: &Developer) -> Result<Value<'_>, StoreError> {
    developer.providers.as_ref().map_or(Ok(Value::Null), Value::json)
}

impl Record for Developer {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            dev_id: row.take()?,
            environment: row.take()?,
            name: row.take()?,
            logo_url: row.take()?,
            accent: row.take()?,
            user_limit: row.take()?,
            providers: row.take::<Option<Json<_>>>()?.map(|Json(providers)| providers),
            redirect_allow_list: row.take::<Json<_>>()?.0,
            destination: row.take()?,
            signing_secret: row.take()?,
            created_at: row.take()?,
        })
    }
}

impl Record for ApiKeyRecord {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            key_id: row.take()?,
            dev_id: row.take()?,
            name: row.take()?,
            digest: row.take()?,
            created_at: row.take()?,
            expires_at: row.take()?,
        })
    }
}
