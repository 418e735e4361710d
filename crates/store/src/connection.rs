//! Connections, and their number per developer.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    connection::{Connection, Connections},
    store_error::StoreError,
};
use terra_auth_types::{DevId, Provider, ReferenceId, UserId};
use uuid::Uuid;

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "user_id, dev_id, provider, account, reference_id, scopes, active, created_at_ms, last_webhook_update_ms,
        sealed_grant"
    };
}

statements! {
    ADD_CONNECTION: Sql::plain(concat!(
        "INSERT INTO connection (", columns!(), ", refresh_at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    ));
    DELETE_CONNECTION: Sql::plain(concat!(
        "DELETE FROM connection WHERE dev_id = $1 AND user_id = $2 RETURNING ", columns!(),
    ));
    RENEW_CONNECTION: Sql::plain(
        "UPDATE connection SET account = $1, scopes = $2, active = 1, sealed_grant = $3, refresh_at_ms = $4,
            expires_at_ms = NULL, token_version = lease + 1, lease = lease + 1, lease_until_ms = NULL,
            in_flight_since_ms = NULL, unconfirmed_since_ms = NULL, refresh_failures = 0, error_reported_at_ms = NULL, notified_at_ms = NULL,
            grant_state = 'fine',
            grant_state_since_ms = CASE WHEN grant_state = 'fine' THEN grant_state_since_ms ELSE $4 END
        WHERE dev_id = $5 AND user_id = $6",
    );
    CONNECTION: Sql::plain(concat!("SELECT ", columns!(), " FROM connection WHERE dev_id = $1 AND user_id = $2"));
    CONNECTIONS_OF: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM connection WHERE dev_id = $1 AND reference_id = $2
        ORDER BY created_at_ms, user_id LIMIT $3",
    ));
    CONNECTIONS_OF_ACCOUNT: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM connection
        WHERE dev_id = $1 AND provider = $2 AND account = $3 AND reference_id IS NOT DISTINCT FROM $4
        ORDER BY created_at_ms, user_id",
    ));
    CONNECTIONS: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM connection WHERE dev_id = $1 AND user_id IN (
            SELECT user_id FROM connection WHERE dev_id = $1 ORDER BY user_id LIMIT $2 OFFSET $3)
        ORDER BY user_id",
    ));
    CONNECTIONS_AFTER: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM connection WHERE dev_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3",
    ));
    // Selects a row that no other unit is changing, so that counters do not wait for each other.
    COUNT_IN_FREE_PART: Sql::locking(
        "UPDATE connection_count SET connections = connections + $1
        WHERE dev_id = $2 AND part = (SELECT part FROM connection_count WHERE dev_id = $2 LIMIT 1",
        Lock::ForUpdateSkipLocked,
        ")",
    );
    COUNT_IN_NEW_PART: Sql::plain(
        "INSERT INTO connection_count (dev_id, part, connections) VALUES ($1, $2, $3)
        ON CONFLICT (dev_id, part) DO UPDATE SET connections = connection_count.connections + excluded.connections",
    );
    COUNT_CONNECTIONS: Sql::plain(
        "SELECT CAST(COALESCE(SUM(connections), 0) AS BIGINT) FROM connection_count WHERE dev_id = $1",
    );
    TOUCH_CONNECTION: Sql::plain(
        "UPDATE connection SET last_webhook_update_ms = $1 WHERE dev_id = $2 AND user_id = $3",
    );
}

impl<D: Database> Queries<D> {
    async fn count(&mut self, connection: &Connection, change: i64) -> Result<(), StoreError> {
        if self.changes(COUNT_IN_FREE_PART, &[change.value(), connection.dev_id.value()]).await? {
            return Ok(());
        }
        let (high, low) = connection.user_id.0.as_u64_pair();
        let part = i64::from_be_bytes((high ^ low).to_be_bytes()); // depends on this user only
        self.execute(COUNT_IN_NEW_PART, &[connection.dev_id.value(), part.value(), change.value()]).await?;
        Ok(())
    }
}

#[async_trait]
impl<D: Database> Connections for Queries<D> {
    async fn add_connection(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let to_look_at = connection.grant.as_ref().map(|_| connection.created_at);
        let values = [
            connection.user_id.value(),
            connection.dev_id.value(),
            connection.provider.value(),
            connection.account.value(),
            connection.reference_id.value(),
            connection.scopes.value(),
            connection.active.value(),
            connection.created_at.value(),
            connection.last_webhook_update.value(),
            connection.grant.value(),
            to_look_at.value(),
        ];
        self.execute(ADD_CONNECTION, &values).await?;
        self.count(connection, 1).await
    }

    async fn delete_connection(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<Connection>, StoreError> {
        let taken = self.first(DELETE_CONNECTION, &[dev_id.value(), user_id.value()]).await?;
        if let Some(connection) = &taken {
            self.count(connection, -1).await?;
        }
        Ok(taken)
    }

    async fn renew_connection(&mut self, new: &Connection, now: Timestamp) -> Result<bool, StoreError> {
        let to_look_at = new.grant.as_ref().map(|_| now);
        let values = [
            new.account.value(),
            new.scopes.value(),
            new.grant.value(),
            to_look_at.value(),
            new.dev_id.value(),
            new.user_id.value(),
        ];
        self.changes(RENEW_CONNECTION, &values).await
    }

    async fn connection(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<Connection>, StoreError> {
        self.first(CONNECTION, &[dev_id.value(), user_id.value()]).await
    }

    async fn connections_of(
        &mut self,
        dev_id: &DevId,
        reference_id: &ReferenceId,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        self.all(CONNECTIONS_OF, &[dev_id.value(), reference_id.value(), limit.value()]).await
    }

    async fn connections_of_account(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        account: &str,
        reference_id: Option<&ReferenceId>,
    ) -> Result<Vec<Connection>, StoreError> {
        let values = [dev_id.value(), provider.value(), account.value(), reference_id.value()];
        self.all(CONNECTIONS_OF_ACCOUNT, &values).await
    }

    async fn connections(&mut self, dev_id: &DevId, offset: u64, limit: u32) -> Result<Vec<Connection>, StoreError> {
        self.all(CONNECTIONS, &[dev_id.value(), limit.value(), offset.value()]).await
    }

    async fn connections_after(
        &mut self,
        dev_id: &DevId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Connection>, StoreError> {
        let after = after.unwrap_or(UserId(Uuid::nil()));
        self.all(CONNECTIONS_AFTER, &[dev_id.value(), after.value(), limit.value()]).await
    }

    async fn count_connections(&mut self, dev_id: &DevId) -> Result<u64, StoreError> {
        Ok(self.first(COUNT_CONNECTIONS, &[dev_id.value()]).await?.unwrap_or_default())
    }

    async fn touch_connection(&mut self, dev_id: &DevId, user_id: UserId, now: Timestamp) -> Result<(), StoreError> {
        self.execute(TOUCH_CONNECTION, &[now.value(), dev_id.value(), user_id.value()]).await?;
        Ok(())
    }
}

impl Record for Connection {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: row.take()?,
            dev_id: row.take()?,
            provider: row.take()?,
            account: row.take()?,
            reference_id: row.take()?,
            scopes: row.take()?,
            active: row.take()?,
            created_at: row.take()?,
            last_webhook_update: row.take()?,
            grant: row.take()?,
        })
    }
}
