//! Revocations, waiting and ended.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_core::{
    delivery::AttemptOutcome,
    revocation::{Revocation, Revocations},
    seal::Sealed,
    store::StoreError,
};
use terra_auth_types::UserId;

use crate::{
    delivery::ended,
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "user_id, dev_id, provider, account, sealed_grant, created_at_ms, attempts, next_attempt_at_ms"
    };
}

statements! {
    ADD_REVOCATION: Sql::plain(concat!(
        "INSERT INTO revocation (", columns!(), ", state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting')
        ON CONFLICT (user_id) DO UPDATE SET dev_id = excluded.dev_id, provider = excluded.provider,
            account = excluded.account, sealed_grant = excluded.sealed_grant, created_at_ms = excluded.created_at_ms,
            attempts = excluded.attempts, next_attempt_at_ms = excluded.next_attempt_at_ms, state = excluded.state",
    ));
    RENEW_REVOCATION: Sql::plain(
        "UPDATE revocation SET sealed_grant = $1, attempts = 0, next_attempt_at_ms = $2, state = 'waiting'
        WHERE user_id = $3",
    );
    CLAIM_REVOCATIONS: Sql::locking(
        "WITH due AS MATERIALIZED (
            SELECT user_id FROM revocation WHERE state = 'waiting' AND next_attempt_at_ms <= $1
            ORDER BY next_attempt_at_ms, user_id LIMIT $2",
        Lock::ForUpdateSkipLocked,
        concat!(
            ") UPDATE revocation SET attempts = attempts + 1, next_attempt_at_ms = $3
            WHERE user_id IN (SELECT user_id FROM due) RETURNING ", columns!(),
        ),
    );
    RETRY_REVOCATION: Sql::plain(
        "UPDATE revocation SET next_attempt_at_ms = $1 WHERE user_id = $2 AND state = 'waiting'",
    );
    END_REVOCATION: Sql::plain(
        "UPDATE revocation SET state = $1, sealed_grant = NULL WHERE user_id = $2 AND state = 'waiting'",
    );
    NEXT_REVOCATION_AT: Sql::plain("SELECT MIN(next_attempt_at_ms) FROM revocation WHERE state = 'waiting'");
    WAITING_REVOCATIONS: Sql::plain("SELECT COUNT(*) FROM revocation WHERE state = 'waiting'");
}

#[async_trait]
impl<D: Database> Revocations for Queries<D> {
    async fn add_revocation(&mut self, revocation: &Revocation) -> Result<(), StoreError> {
        let values = [
            revocation.user_id.value(),
            revocation.dev_id.value(),
            revocation.provider.value(),
            revocation.account.value(),
            revocation.grant.value(),
            revocation.created_at.value(),
            revocation.attempts.value(),
            revocation.next_attempt_at.value(),
        ];
        self.execute(ADD_REVOCATION, &values).await?;
        Ok(())
    }

    async fn renew_revocation(&mut self, user_id: UserId, grant: &Sealed, now: Timestamp) -> Result<bool, StoreError> {
        self.changes(RENEW_REVOCATION, &[grant.value(), now.value(), user_id.value()]).await
    }

    async fn claim_revocations(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        let values = [now.value(), limit.value(), lease_until.value()];
        let mut claimed: Vec<Revocation> = self.all(CLAIM_REVOCATIONS, &values).await?;
        claimed.sort_unstable_by_key(|revocation| (revocation.created_at, revocation.user_id));
        Ok(claimed)
    }

    async fn settle_revocation(&mut self, user_id: UserId, outcome: &AttemptOutcome) -> Result<(), StoreError> {
        match ended(outcome) {
            Ok(state) => self.execute(END_REVOCATION, &[state.value(), user_id.value()]).await?,
            Err(at) => self.execute(RETRY_REVOCATION, &[at.value(), user_id.value()]).await?,
        };
        Ok(())
    }

    async fn next_revocation_at(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.first(NEXT_REVOCATION_AT, &[]).await?.flatten())
    }

    async fn waiting_revocations(&mut self) -> Result<u64, StoreError> {
        Ok(self.first(WAITING_REVOCATIONS, &[]).await?.unwrap_or_default())
    }
}

impl Record for Revocation {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        Ok(Self {
            user_id: row.take()?,
            dev_id: row.take()?,
            provider: row.take()?,
            account: row.take()?,
            grant: row.take()?,
            created_at: row.take()?,
            attempts: row.take()?,
            next_attempt_at: row.take()?,
        })
    }
}
