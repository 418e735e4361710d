//! The tokens of connections, and the leases under which they are refreshed.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    grant::{FailureRecord, Grants, Lease, NewTokens, RefreshRecord, StoredGrant},
    store_error::StoreError,
};
use terra_auth_types::{DevId, Provider, UserId, wire::admin::FailedRefresh};

use crate::{
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "user_id, dev_id, provider, sealed_grant, scopes, token_version, expires_at_ms, refresh_at_ms, lease,
        lease_until_ms, in_flight_since_ms, refresh_failures, error_reported_at_ms, grant_state, unconfirmed_since_ms"
    };
}

statements! {
    KEPT_GRANT: Sql::plain(concat!(
        "SELECT ", columns!(), " FROM connection WHERE dev_id = $1 AND user_id = $2 AND sealed_grant IS NOT NULL",
    ));
    LOCK_GRANT: Sql::locking(
        concat!("SELECT ", columns!(), " FROM connection WHERE dev_id = $1 AND user_id = $2 AND sealed_grant IS NOT NULL"),
        Lock::ForUpdate,
        "",
    );
    REFRESH_RECORD: Sql::plain(
        "SELECT grant_state, grant_state_since_ms, refresh_failures, last_error, last_error_at_ms, refreshed_at_ms,
            refresh_at_ms
        FROM connection WHERE dev_id = $1 AND user_id = $2 AND sealed_grant IS NOT NULL",
    );
    // In the order in which connections are replaced, which prevents deadlocks.
    LOCK_GRANTS_OF_ACCOUNT: Sql::locking(
        concat!(
            "SELECT ", columns!(), " FROM connection
            WHERE dev_id = $1 AND provider = $2 AND account = $3 AND sealed_grant IS NOT NULL
            ORDER BY created_at_ms, user_id",
        ),
        Lock::ForUpdate,
        "",
    );
    CLAIM_GRANTS: Sql::locking(
        "WITH due AS MATERIALIZED (
            SELECT dev_id, user_id FROM connection WHERE provider = $1 AND refresh_at_ms <= $2
            ORDER BY refresh_at_ms, user_id LIMIT $3",
        Lock::ForUpdateSkipLocked,
        concat!(
            ") UPDATE connection SET refresh_at_ms = $4
            WHERE (dev_id, user_id) IN (SELECT dev_id, user_id FROM due) RETURNING ", columns!(),
        ),
    );
    NEXT_REFRESH_AT: Sql::plain(
        "SELECT MIN(refresh_at_ms) FROM connection WHERE provider = $1 AND refresh_at_ms IS NOT NULL",
    );
    SCHEDULE_REFRESH: Sql::plain(
        "UPDATE connection SET expires_at_ms = $1, refresh_at_ms = $2
        WHERE dev_id = $3 AND user_id = $4 AND token_version = $5 AND lease = $6",
    );
    // Tokens that were never verified are refreshed without a probe.
    HASTEN_REFRESH: Sql::plain(
        "UPDATE connection SET refresh_at_ms = $1, expires_at_ms = COALESCE(expires_at_ms, $1), notified_at_ms = $1
        WHERE account = $2 AND provider = $3 AND sealed_grant IS NOT NULL AND grant_state IN ('fine', 'failing')
            AND (notified_at_ms IS NULL OR notified_at_ms <= $4)
            AND (refresh_at_ms IS NULL OR refresh_at_ms > $1 OR expires_at_ms IS NULL)",
    );
    // Since the tokens were received: by then, every grace period of a provider is over.
    MARK_IN_DOUBT: Sql::plain(
        "UPDATE connection SET in_flight_since_ms = COALESCE(in_flight_since_ms, refreshed_at_ms, created_at_ms),
            lease_until_ms = NULL
        WHERE sealed_grant IS NOT NULL",
    );
    LEASE_GRANT: Sql::plain(
        "UPDATE connection SET lease = lease + 1, lease_until_ms = $1, in_flight_since_ms = $2
        WHERE dev_id = $3 AND user_id = $4 AND token_version = $5 AND lease = $6
            AND (lease_until_ms IS NULL OR lease_until_ms <= $7)",
    );
    // A late worker, after another's lease, does not change that lease and the mark: the other worker may have used
    // a token too.
    KEEP_TOKENS: Sql::plain(
        "UPDATE connection SET sealed_grant = $1, scopes = COALESCE($2, scopes), token_version = $3, expires_at_ms = $4,
            refresh_at_ms = $5, refreshed_at_ms = $6, unconfirmed_since_ms = $7, refresh_failures = 0,
            error_reported_at_ms = NULL, active = 1,
            grant_state = 'fine',
            grant_state_since_ms = CASE WHEN grant_state = 'fine' THEN grant_state_since_ms ELSE $6 END,
            in_flight_since_ms = CASE WHEN lease = $3 THEN NULL ELSE in_flight_since_ms END,
            lease_until_ms = CASE WHEN lease = $3 THEN NULL ELSE lease_until_ms END
        WHERE dev_id = $8 AND user_id = $9 AND token_version <= $3 AND grant_state <> 'revoked'",
    );
    CONFIRM_GRANT: Sql::plain(
        "UPDATE connection SET unconfirmed_since_ms = NULL WHERE dev_id = $1 AND user_id = $2 AND token_version = $3",
    );
    SETTLE_GRANT: Sql::plain(
        "UPDATE connection SET grant_state = $1, active = COALESCE($2, active), refresh_at_ms = $3, in_flight_since_ms = $4,
            refresh_failures = $5, error_reported_at_ms = $6, last_error = $7, last_error_at_ms = $8,
            grant_state_since_ms = CASE WHEN grant_state = $1 THEN grant_state_since_ms ELSE $8 END,
            lease = lease + 1, lease_until_ms = NULL
        WHERE dev_id = $9 AND user_id = $10 AND token_version = $11 AND lease = $12",
    );
}

#[async_trait]
impl<D: Database> Grants for Queries<D> {
    async fn stored_grant(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<StoredGrant>, StoreError> {
        self.first(KEPT_GRANT, &[dev_id.value(), user_id.value()]).await
    }

    async fn lock_grant(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<StoredGrant>, StoreError> {
        self.first(LOCK_GRANT, &[dev_id.value(), user_id.value()]).await
    }

    async fn lock_grants_of_account(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        account: &str,
    ) -> Result<Vec<StoredGrant>, StoreError> {
        self.all(LOCK_GRANTS_OF_ACCOUNT, &[dev_id.value(), provider.value(), account.value()]).await
    }

    async fn refresh_record(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<RefreshRecord>, StoreError> {
        self.first(REFRESH_RECORD, &[dev_id.value(), user_id.value()]).await
    }

    async fn claim_grants(
        &mut self,
        provider: &Provider,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredGrant>, StoreError> {
        self.all(CLAIM_GRANTS, &[provider.value(), now.value(), limit.value(), hidden_until.value()]).await
    }

    async fn next_refresh_at(&mut self, provider: &Provider) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.first(NEXT_REFRESH_AT, &[provider.value()]).await?.flatten())
    }

    async fn schedule_refresh(
        &mut self,
        seen: &StoredGrant,
        expires_at: Option<Timestamp>,
        refresh_at: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let values = [
            expires_at.value(),
            refresh_at.value(),
            seen.dev_id.value(),
            seen.user_id.value(),
            seen.version.value(),
            seen.lease.value(),
        ];
        self.changes(SCHEDULE_REFRESH, &values).await
    }

    async fn make_refresh_due(
        &mut self,
        provider: &Provider,
        account: &str,
        now: Timestamp,
        not_since: Timestamp,
    ) -> Result<u64, StoreError> {
        self.execute(HASTEN_REFRESH, &[now.value(), account.value(), provider.value(), not_since.value()]).await
    }

    async fn mark_in_doubt(&mut self) -> Result<u64, StoreError> {
        self.execute(MARK_IN_DOUBT, &[]).await
    }

    async fn lease_grant(&mut self, seen: &StoredGrant, lease: &Lease) -> Result<bool, StoreError> {
        let values = [
            lease.until.value(),
            lease.in_flight_since.value(),
            seen.dev_id.value(),
            seen.user_id.value(),
            seen.version.value(),
            seen.lease.value(),
            lease.now.value(),
        ];
        self.changes(LEASE_GRANT, &values).await
    }

    async fn save_tokens(&mut self, leased: &StoredGrant, new: &NewTokens) -> Result<bool, StoreError> {
        let values = [
            new.sealed.value(),
            new.scopes.value(),
            leased.lease.value(),
            new.expires_at.value(),
            new.refresh_at.value(),
            new.saved_at.value(),
            new.unconfirmed_since.value(),
            leased.dev_id.value(),
            leased.user_id.value(),
        ];
        self.changes(KEEP_TOKENS, &values).await
    }

    async fn confirm_grant(&mut self, kept: &StoredGrant) -> Result<bool, StoreError> {
        self.changes(CONFIRM_GRANT, &[kept.dev_id.value(), kept.user_id.value(), kept.version.value()]).await
    }

    async fn record_refresh_failure(
        &mut self,
        leased: &StoredGrant,
        settled: &FailureRecord,
    ) -> Result<bool, StoreError> {
        let values = [
            settled.state.value(),
            settled.active.value(),
            settled.refresh_at.value(),
            settled.in_flight_since.value(),
            settled.failures.value(),
            settled.error_told_at.value(),
            settled.error.class.value(),
            settled.error.at.value(),
            leased.dev_id.value(),
            leased.user_id.value(),
            leased.version.value(),
            leased.lease.value(),
        ];
        self.changes(SETTLE_GRANT, &values).await
    }
}

impl Record for StoredGrant {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: row.take()?,
            dev_id: row.take()?,
            provider: row.take()?,
            sealed: row.take()?,
            scopes: row.take()?,
            version: row.take()?,
            expires_at: row.take()?,
            refresh_at: row.take()?,
            lease: row.take()?,
            lease_until: row.take()?,
            in_flight_since: row.take()?,
            failures: row.take()?,
            error_reported_at: row.take()?,
            state: row.take()?,
            unconfirmed_since: row.take()?,
        })
    }
}

impl Record for RefreshRecord {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let (state, since, failures) = (row.take()?, row.take()?, row.take()?);
        let (class, at): (Option<_>, Option<_>) = (row.take()?, row.take()?);
        let last_error = class.zip(at).map(|(class, at)| FailedRefresh { class, at });
        Ok(Self { state, since, failures, last_error, refreshed_at: row.take()?, next_at: row.take()? })
    }
}
