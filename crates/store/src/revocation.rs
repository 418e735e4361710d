//! Revocations, and the reports about them.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    keys::Sealed,
    revocation::{ReportCursor, Revocation, RevocationResult, Revocations},
    store_error::StoreError,
};
use terra_auth_types::{
    DevId, Provider, UserId,
    wire::admin::{RevocationOutcome, RevocationReport},
};
use uuid::Uuid;

use crate::{
    delivery::Queue,
    engine::{Database, Lock, Queries, Sql, statements},
    value::{Parameter as _, Record, Row},
};

macro_rules! columns {
    () => {
        "user_id, dev_id, provider, account, sealed_grant, in_flight_since_ms, created_at_ms, attempts, next_attempt_at_ms"
    };
}

macro_rules! report {
    () => {
        "SELECT user_id, provider, state, reason, created_at_ms, attempts, attempted_at_ms, next_attempt_at_ms, ended_at_ms,
            status, code
        FROM revocation"
    };
}

statements! {
    ADD_REVOCATION: Sql::plain(concat!(
        "INSERT INTO revocation (", columns!(), ", state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending')
        ON CONFLICT (user_id) DO UPDATE SET dev_id = excluded.dev_id, provider = excluded.provider,
            account = excluded.account, sealed_grant = excluded.sealed_grant,
            in_flight_since_ms = excluded.in_flight_since_ms, created_at_ms = excluded.created_at_ms,
            attempts = excluded.attempts, next_attempt_at_ms = excluded.next_attempt_at_ms, state = excluded.state,
            reason = NULL, status = NULL, code = NULL, attempted_at_ms = NULL, ended_at_ms = NULL, leased = 0",
    ));
    // The count of attempts continues, so a worker with older tokens records nothing.
    RENEW_REVOCATION: Sql::plain(
        "UPDATE revocation SET sealed_grant = $1, next_attempt_at_ms = $2, attempts = attempts + 1, state = 'pending',
            in_flight_since_ms = NULL, ended_at_ms = NULL, leased = 0
        WHERE user_id = $3",
    );
    // One index lookup in `revocation_queue` for each provider, as for deliveries.
    REVOCATION_QUEUES: Sql::plain(
        "WITH RECURSIVE queue (provider) AS (
            SELECT MIN(provider) FROM revocation WHERE state = 'pending'
            UNION ALL
            SELECT (SELECT MIN(revocation.provider) FROM revocation
                WHERE state = 'pending' AND revocation.provider > queue.provider)
            FROM queue WHERE queue.provider IS NOT NULL
        )
        SELECT provider, due_at_ms FROM (
            SELECT queue.provider,
                (SELECT MIN(next_attempt_at_ms) FROM revocation
                WHERE state = 'pending' AND revocation.provider = queue.provider) AS due_at_ms
            FROM queue WHERE queue.provider IS NOT NULL
        ) AS due WHERE due_at_ms IS NOT NULL ORDER BY due_at_ms, provider",
    );
    CLAIM_REVOCATIONS: Sql::locking(
        "WITH due AS MATERIALIZED (
            SELECT user_id FROM revocation WHERE state = 'pending' AND provider = $1 AND next_attempt_at_ms <= $2
            ORDER BY next_attempt_at_ms, user_id LIMIT $3",
        Lock::ForUpdateSkipLocked,
        concat!(
            ") UPDATE revocation SET attempts = attempts + 1, next_attempt_at_ms = $4, leased = 1
            WHERE user_id IN (SELECT user_id FROM due) RETURNING ", columns!(),
        ),
    );
    RELEASE_REVOCATIONS: Sql::plain(
        "UPDATE revocation SET next_attempt_at_ms = $1, leased = 0 WHERE state = 'pending' AND leased = 1",
    );
    RESCHEDULE_REVOCATIONS: Sql::plain(
        "UPDATE revocation SET next_attempt_at_ms = $1, attempted_at_ms = $1
        WHERE state = 'pending' AND leased = 0 AND attempted_at_ms > $2",
    );
    MARK_REVOCATION: Sql::plain(
        "UPDATE revocation SET in_flight_since_ms = $1 WHERE user_id = $2 AND attempts = $3 AND state = 'pending'",
    );
    KEEP_REVOCATION_TOKENS: Sql::plain(
        "UPDATE revocation SET sealed_grant = $1, in_flight_since_ms = NULL
        WHERE user_id = $2 AND attempts = $3 AND state = 'pending'",
    );
    RETRY_REVOCATION: Sql::plain(
        "UPDATE revocation SET reason = $1, status = $2, code = $3, attempted_at_ms = $4, next_attempt_at_ms = $5,
            in_flight_since_ms = $6, leased = 0
        WHERE user_id = $7 AND attempts = $8 AND state = 'pending'",
    );
    END_REVOCATION: Sql::plain(
        "UPDATE revocation SET reason = $1, status = $2, code = $3, attempted_at_ms = $4, ended_at_ms = $5, state = $6,
            sealed_grant = NULL, in_flight_since_ms = NULL, leased = 0
        WHERE user_id = $7 AND attempts = $8 AND state = 'pending'",
    );
    REPORTS: Sql::plain(concat!(
        report!(), " WHERE dev_id = $1 AND (created_at_ms, user_id) < ($2, $3)
        ORDER BY created_at_ms DESC, user_id DESC LIMIT $4",
    ));
    REPORT: Sql::plain(concat!(report!(), " WHERE dev_id = $1 AND (created_at_ms, user_id) < ($2, $3) AND user_id = $4"));
    WAITING_REVOCATIONS: Sql::plain("SELECT COUNT(*) FROM revocation WHERE state = 'pending'");
}

/// An id before every report.
const NEWEST: ReportCursor = ReportCursor { asked_at: Timestamp::MAX, user_id: UserId(Uuid::max()) };

#[async_trait]
impl<D: Database> Revocations for Queries<D> {
    async fn add_revocation(&mut self, revocation: &Revocation) -> Result<(), StoreError> {
        let values = [
            revocation.user_id.value(),
            revocation.dev_id.value(),
            revocation.provider.value(),
            revocation.account.value(),
            revocation.grant.value(),
            revocation.in_flight_since.value(),
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

    async fn revocation_queues(&mut self) -> Result<Vec<(Provider, Timestamp)>, StoreError> {
        let queues: Vec<Queue<Provider>> = self.all(REVOCATION_QUEUES, &[]).await?;
        Ok(queues.into_iter().map(|Queue(provider, due_at)| (provider, due_at)).collect())
    }

    async fn release_revocations(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        self.execute(RELEASE_REVOCATIONS, &[now.value()]).await
    }

    async fn reschedule_revocations(&mut self, now: Timestamp, attempted_after: Timestamp) -> Result<u64, StoreError> {
        self.execute(RESCHEDULE_REVOCATIONS, &[now.value(), attempted_after.value()]).await
    }

    async fn claim_revocations(
        &mut self,
        provider: &Provider,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError> {
        let values = [provider.value(), now.value(), limit.value(), lease_until.value()];
        let mut claimed: Vec<Revocation> = self.all(CLAIM_REVOCATIONS, &values).await?;
        claimed.sort_unstable_by_key(|revocation| (revocation.created_at, revocation.user_id));
        Ok(claimed)
    }

    async fn mark_revocation_in_doubt(&mut self, claimed: &Revocation, since: Timestamp) -> Result<bool, StoreError> {
        let values = [since.value(), claimed.user_id.value(), claimed.attempts.value()];
        self.changes(MARK_REVOCATION, &values).await
    }

    async fn save_revocation_tokens(&mut self, claimed: &Revocation, grant: &Sealed) -> Result<bool, StoreError> {
        let values = [grant.value(), claimed.user_id.value(), claimed.attempts.value()];
        self.changes(KEEP_REVOCATION_TOKENS, &values).await
    }

    async fn record_revocation_result(
        &mut self,
        claimed: &Revocation,
        settlement: &RevocationResult,
    ) -> Result<bool, StoreError> {
        let RevocationResult { outcome, reason, answer, at, next_attempt_at, in_flight_since } = settlement;
        let (status, attempted_at) = (answer.status.map(u32::from), (claimed.attempts > 0).then_some(*at));
        let answered = [reason.value(), status.value(), answer.code.value(), attempted_at.value()];
        let (sql, how) = match outcome {
            RevocationOutcome::Pending => (RETRY_REVOCATION, [next_attempt_at.value(), in_flight_since.value()]),
            _ => (END_REVOCATION, [at.value(), outcome.value()]),
        };
        let which = [claimed.user_id.value(), claimed.attempts.value()];
        self.changes(sql, &[&answered[..], &how, &which].concat()).await
    }

    async fn revocation_reports(
        &mut self,
        dev_id: &DevId,
        user_id: Option<UserId>,
        after: Option<ReportCursor>,
        limit: u32,
    ) -> Result<Vec<RevocationReport>, StoreError> {
        let ReportCursor { asked_at, user_id: last } = after.unwrap_or(NEWEST);
        let (sql, which) = user_id.as_ref().map_or((REPORTS, limit.value()), |user_id| (REPORT, user_id.value()));
        self.all(sql, &[dev_id.value(), asked_at.value(), last.value(), which]).await
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
            in_flight_since: row.take()?,
            created_at: row.take()?,
            attempts: row.take()?,
            next_attempt_at: row.take()?,
        })
    }
}

impl Record for RevocationReport {
    fn read(row: &mut Row) -> Result<Self, StoreError> {
        let report = Self {
            user_id: row.take()?,
            provider: row.take()?,
            outcome: row.take()?,
            reason: row.take()?,
            asked_at: row.take()?,
            attempts: row.take()?,
            last_attempt_at: row.take()?,
            next_attempt_at: row.take()?,
            ended_at: row.take()?,
            status: row.take()?,
            code: row.take()?,
        };
        let is_pending = report.outcome == RevocationOutcome::Pending;
        Ok(Self { next_attempt_at: report.next_attempt_at.filter(|_| is_pending), ..report })
    }
}
