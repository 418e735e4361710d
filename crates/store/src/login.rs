//! Consumed logins.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    login::{ConsumedLogin, ConsumedLogins, RecordedOutcome},
    store_error::StoreError,
};
use uuid::Uuid;

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

statements! {
    CONSUME_LOGIN: Sql::plain(
        "INSERT INTO consumed_login (login_id, expires_at_ms)
        SELECT $1, $2 WHERE $2 > (SELECT expires_at_ms FROM consumed_watermark WHERE kind = 'login')
        ON CONFLICT (login_id) DO NOTHING",
    );
    RECORD_LOGIN_OUTCOME: Sql::plain("UPDATE consumed_login SET outcome = $1 WHERE login_id = $2 AND outcome IS NULL");
    CONSUMED_LOGIN: Sql::plain("SELECT outcome FROM consumed_login WHERE login_id = $1");
}

#[async_trait]
impl<D: Database> ConsumedLogins for Queries<D> {
    async fn consume_login(&mut self, login_id: Uuid, expires_at: Timestamp) -> Result<bool, StoreError> {
        self.changes(CONSUME_LOGIN, &[login_id.value(), expires_at.value()]).await
    }

    async fn record_login_outcome(&mut self, login_id: Uuid, outcome: &RecordedOutcome) -> Result<bool, StoreError> {
        self.changes(RECORD_LOGIN_OUTCOME, &[Value::json(outcome)?, login_id.value()]).await
    }

    async fn consumed_login(&mut self, login_id: Uuid) -> Result<Option<ConsumedLogin>, StoreError> {
        self.first(CONSUMED_LOGIN, &[login_id.value()]).await
    }
}

impl Record for ConsumedLogin {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { outcome: row.take::<Option<Json<_>>>()?.map(|outcome| outcome.0) })
    }
}
