//! Known connections of the upstream API, and failed logins there.

use async_trait::async_trait;
use terra_auth_model::{
    known_connection::{KnownConnection, KnownConnections, LoginFailure},
    store_error::StoreError,
};
use terra_auth_types::{ReferenceId, UserId};
use uuid::Uuid;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row, Value},
};

macro_rules! columns {
    () => {
        "connection_id, reference_id, provider, scopes, state, connected_at_ms, changed_at_ms, user_id"
    };
}

statements! {
    ADD_KNOWN_CONNECTION: Sql::plain(concat!(
        "INSERT INTO known_connection (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (user_id) DO NOTHING",
    ));
    LOCK_KNOWN_CONNECTION: Sql::locking(
        concat!("SELECT ", columns!(), " FROM known_connection WHERE user_id = $1"), Lock::ForUpdate, "",
    );
    UPDATE_KNOWN_CONNECTION: Sql::plain(
        "UPDATE known_connection SET connection_id = $1, reference_id = $2, provider = $3, scopes = $4, state = $5,
        connected_at_ms = $6, changed_at_ms = $7 WHERE user_id = $8",
    );
    KNOWN_CONNECTION: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM known_connection
        WHERE reference_id = $1 AND user_id = $2 AND state <> 'deauthenticated'",
    ));
    KNOWN_CONNECTIONS_OF: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM known_connection WHERE reference_id = $1 AND state <> 'deauthenticated'
        ORDER BY connection_id LIMIT $2",
    ));
    KNOWN_CONNECTIONS: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM known_connection WHERE user_id > $1 ORDER BY user_id LIMIT $2",
    ));
    PUT_LOGIN_FAILURE: Sql::plain(
        "INSERT INTO login_failure (reference_id, reason, at_ms) VALUES ($1, $2, $3)
        ON CONFLICT (reference_id) DO UPDATE SET reason = excluded.reason, at_ms = excluded.at_ms
        WHERE login_failure.at_ms <= excluded.at_ms",
    );
    LOGIN_FAILURE: Sql::plain("SELECT reason, at_ms FROM login_failure WHERE reference_id = $1");
}

/// All columns, the user id last.
fn values(connection: &KnownConnection) -> [Value<'_>; 8] {
    [
        connection.connection_id.value(),
        connection.reference_id.value(),
        connection.provider.value(),
        connection.scopes.value(),
        connection.state.value(),
        connection.connected_at.value(),
        connection.changed_at.value(),
        connection.user_id.value(),
    ]
}

#[async_trait]
impl<D: Database> KnownConnections for Queries<D> {
    async fn add_known_connection(&mut self, connection: &KnownConnection) -> Result<bool, StoreError> {
        self.changes(ADD_KNOWN_CONNECTION, &values(connection)).await
    }

    async fn lock_known_connection(&mut self, user_id: UserId) -> Result<Option<KnownConnection>, StoreError> {
        self.first(LOCK_KNOWN_CONNECTION, &[user_id.value()]).await
    }

    async fn update_known_connection(&mut self, connection: &KnownConnection) -> Result<(), StoreError> {
        self.execute(UPDATE_KNOWN_CONNECTION, &values(connection)).await?;
        Ok(())
    }

    async fn known_connection(
        &mut self,
        reference_id: &ReferenceId,
        user_id: UserId,
    ) -> Result<Option<KnownConnection>, StoreError> {
        self.first(KNOWN_CONNECTION, &[reference_id.value(), user_id.value()]).await
    }

    async fn known_connections_of(
        &mut self,
        reference_id: &ReferenceId,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError> {
        self.all(KNOWN_CONNECTIONS_OF, &[reference_id.value(), limit.value()]).await
    }

    async fn known_connections(
        &mut self,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<KnownConnection>, StoreError> {
        let after = after.unwrap_or(UserId(Uuid::nil()));
        self.all(KNOWN_CONNECTIONS, &[after.value(), limit.value()]).await
    }

    async fn put_login_failure(
        &mut self,
        reference_id: &ReferenceId,
        failure: &LoginFailure,
    ) -> Result<(), StoreError> {
        let values = [reference_id.value(), failure.reason.value(), failure.at.value()];
        self.execute(PUT_LOGIN_FAILURE, &values).await?;
        Ok(())
    }

    async fn login_failure(&mut self, reference_id: &ReferenceId) -> Result<Option<LoginFailure>, StoreError> {
        self.first(LOGIN_FAILURE, &[reference_id.value()]).await
    }
}

impl Record for KnownConnection {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            connection_id: row.take()?,
            reference_id: row.take()?,
            provider: row.take()?,
            scopes: row.take()?,
            state: row.take()?,
            connected_at: row.take()?,
            changed_at: row.take()?,
            user_id: row.take()?,
        })
    }
}

impl Record for LoginFailure {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self { reason: row.take()?, at: row.take()? })
    }
}
