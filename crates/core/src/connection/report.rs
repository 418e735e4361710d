//! The status of a connection, for operators.

use async_trait::async_trait;
use terra_auth_model::{
    connection::Connection,
    grant::RefreshRecord,
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{AdminConnection, RefreshReport},
};

pub(crate) use crate::{admin::action::AdminError, auth::Auth};

impl Auth {
    /// Returns one connection, with the state of its refreshes.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn connection_report(&self, dev_id: &DevId, user_id: UserId) -> Result<AdminConnection, AdminError> {
        self.require_environment(dev_id)?;
        let found = self.store().read(ReadReport { dev_id: dev_id.clone(), user_id }).await?;
        let (connection, record) = found.ok_or(AdminError::NotFound("no such connection"))?;
        let refresh = record.map(|record| RefreshReport {
            state: record.state,
            since: record.since.unwrap_or(connection.created_at),
            failures: record.failures,
            last_error: record.last_error,
            refreshed_at: record.refreshed_at,
            next_at: record.next_at,
        });
        let Connection { user_id, provider, reference_id, active, created_at, .. } = connection;
        Ok(AdminConnection { user_id, provider, reference_id, active, created_at, refresh })
    }
}

struct ReadReport {
    dev_id: DevId,
    user_id: UserId,
}

#[async_trait]
impl Unit for ReadReport {
    type Done = Option<(Connection, Option<RefreshRecord>)>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let Some(connection) = tx.connection(&self.dev_id, self.user_id).await? else { return Ok(None) };
        Ok(Some((connection, tx.refresh_record(&self.dev_id, self.user_id).await?)))
    }
}
