//! Widget sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    store_error::StoreError,
    widget_session::{SessionState, WidgetSession, WidgetSessions},
};
use terra_auth_types::{DevId, SessionId, UserId};

use crate::{
    engine::{Database, Queries, Sql, statements},
    value::{Json, Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "session_id, dev_id, secret_digest, state, request, user_id, created_at_ms, expires_at_ms, logins"
    };
}

statements! {
    ADD_WIDGET_SESSION: Sql::plain(concat!(
        "INSERT INTO widget_session (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    ));
    WIDGET_SESSION: Sql::plain(concat!("SELECT ", columns!(), " FROM widget_session WHERE session_id = $1"));
    MOVE_WIDGET_SESSION: Sql::plain(
        "UPDATE widget_session SET state = $1 WHERE session_id = $2 AND state NOT IN ('connected', 'cancelled')",
    );
    COUNT_LOGIN: Sql::plain(
        "UPDATE widget_session SET logins = logins + 1
        WHERE session_id = $1 AND logins < $2 AND state NOT IN ('connected', 'cancelled')",
    );
    TAKE_PROMISED_USER: Sql::plain(
        "UPDATE widget_session SET user_id = NULL WHERE session_id = $1 AND user_id IS NOT NULL",
    );
    SESSION_OF_USER: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM widget_session
        WHERE user_id = $1 AND dev_id = $2 AND expires_at_ms > $3 AND state NOT IN ('connected', 'cancelled')
        ORDER BY created_at_ms DESC LIMIT 1",
    ));
}

#[async_trait]
impl<D: Database> WidgetSessions for Queries<D> {
    async fn add_widget_session(&mut self, session: &WidgetSession) -> Result<(), StoreError> {
        let values = [
            session.session_id.value(),
            session.dev_id.value(),
            session.secret_digest.value(),
            session.state.value(),
            Value::json(&session.request)?,
            session.user_id.value(),
            session.created_at.value(),
            session.expires_at.value(),
            session.logins.value(),
        ];
        self.execute(ADD_WIDGET_SESSION, &values).await?;
        Ok(())
    }

    async fn widget_session(&mut self, session_id: SessionId) -> Result<Option<WidgetSession>, StoreError> {
        self.first(WIDGET_SESSION, &[session_id.value()]).await
    }

    async fn move_widget_session(&mut self, session_id: SessionId, to: SessionState) -> Result<bool, StoreError> {
        self.changes(MOVE_WIDGET_SESSION, &[to.value(), session_id.value()]).await
    }

    async fn count_login(&mut self, session_id: SessionId, most: u32) -> Result<bool, StoreError> {
        self.changes(COUNT_LOGIN, &[session_id.value(), most.value()]).await
    }

    async fn take_reserved_user_id(&mut self, session_id: SessionId) -> Result<bool, StoreError> {
        self.changes(TAKE_PROMISED_USER, &[session_id.value()]).await
    }

    async fn session_of_user(
        &mut self,
        dev_id: &DevId,
        user_id: UserId,
        now: Timestamp,
    ) -> Result<Option<WidgetSession>, StoreError> {
        self.first(SESSION_OF_USER, &[user_id.value(), dev_id.value(), now.value()]).await
    }
}

impl Record for WidgetSession {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: row.take()?,
            dev_id: row.take()?,
            secret_digest: row.take()?,
            state: row.take()?,
            request: row.take::<Json<_>>()?.0,
            user_id: row.take()?,
            created_at: row.take()?,
            expires_at: row.take()?,
            logins: row.take()?,
        })
    }
}
