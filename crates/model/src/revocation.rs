//! Grants that must be revoked at their provider.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, Provider, UserId,
    wire::admin::{RevocationOutcome, RevocationReason, RevocationReport},
};

use crate::{connection::Connection, keys::sealed::Sealed, provider::RevokeResponse, store_error::StoreError};

/// One pending revoke call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The connection that was removed. Ids are unique, except that an import can use an id again.
    pub user_id: UserId,
    /// The environment of the connection.
    pub dev_id: DevId,
    /// The provider that is called.
    pub provider: Provider,
    /// The provider's id for the account, which some providers require.
    pub account: Option<String>,
    /// The provider's tokens, encrypted for the connection's row; `None` for an on-device source.
    pub grant: Option<Sealed>,
    /// The in-flight marker: when a refresh of these tokens began whose response is missing.
    pub in_flight_since: Option<Timestamp>,
    /// When the connection was removed.
    pub created_at: Timestamp,
    /// The number of attempts. A worker's result counts only if this is still the number that it claimed.
    pub attempts: u32,
    /// When the next attempt is due.
    pub next_attempt_at: Timestamp,
}

impl Revocation {
    /// Creates the revocation for a removed connection.
    #[must_use]
    pub fn of(connection: &Connection, now: Timestamp) -> Self {
        Self {
            user_id: connection.user_id,
            dev_id: connection.dev_id.clone(),
            provider: connection.provider.clone(),
            account: Some(connection.account.clone()),
            grant: connection.grant.clone(),
            in_flight_since: None,
            created_at: now,
            attempts: 0,
            next_attempt_at: now,
        }
    }
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationResult {
    /// A pending revocation keeps its tokens; every other outcome erases them.
    pub outcome: RevocationOutcome,
    /// The reason for the outcome.
    pub reason: Option<RevocationReason>,
    /// The provider's response.
    pub answer: RevokeResponse,
    /// When the attempt ended.
    pub at: Timestamp,
    /// When the next attempt is due, if the outcome is pending.
    pub next_attempt_at: Timestamp,
    /// As [`Revocation::in_flight_since`], if the outcome is pending.
    pub in_flight_since: Option<Timestamp>,
}

impl RevocationResult {
    /// Creates a result for a revocation that needs no call.
    #[must_use]
    pub fn without_call(outcome: RevocationOutcome, reason: RevocationReason, now: Timestamp) -> Self {
        Self {
            outcome,
            reason: Some(reason),
            answer: RevokeResponse::default(),
            at: now,
            next_attempt_at: now,
            in_flight_since: None,
        }
    }
}

/// The verbs for revocations; they work like those for deliveries. A finished revocation remains as a report until
/// housekeeping deletes it.
#[async_trait]
pub trait Revocations: Send {
    /// Adds a revocation, or replaces an earlier one of the same id.
    async fn add_revocation(&mut self, revocation: &Revocation) -> Result<(), StoreError>;

    /// Restarts a revocation with newer tokens; returns whether one exists.
    async fn renew_revocation(&mut self, user_id: UserId, grant: &Sealed, now: Timestamp) -> Result<bool, StoreError>;

    /// Returns the providers with pending revocations and when their first one is due, earliest first. A leased
    /// revocation is due when its lease ends.
    async fn revocation_queues(&mut self) -> Result<Vec<(Provider, Timestamp)>, StoreError>;

    /// Claims up to `limit` due revocations at a provider: hides them until `lease_until` and counts the attempt.
    async fn claim_revocations(
        &mut self,
        provider: &Provider,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Makes every leased revocation due now, as for deliveries.
    async fn release_revocations(&mut self, now: Timestamp) -> Result<u64, StoreError>;

    /// Makes every pending revocation due now whose last attempt was after an instant, as for deliveries.
    async fn reschedule_revocations(&mut self, now: Timestamp, attempted_after: Timestamp) -> Result<u64, StoreError>;

    /// Sets the in-flight marker before a refresh of the tokens; returns whether the claim is still valid.
    async fn mark_revocation_in_doubt(&mut self, claimed: &Revocation, since: Timestamp) -> Result<bool, StoreError>;

    /// Stores refreshed tokens and clears the in-flight marker; returns whether the claim is still valid.
    async fn save_revocation_tokens(&mut self, claimed: &Revocation, grant: &Sealed) -> Result<bool, StoreError>;

    /// Records the result of an attempt if the claim is still valid; returns whether it is.
    async fn record_revocation_result(
        &mut self,
        claimed: &Revocation,
        result: &RevocationResult,
    ) -> Result<bool, StoreError>;

    /// Reads the reports of an environment or of one of its connections, newest first.
    async fn revocation_reports(
        &mut self,
        dev_id: &DevId,
        user_id: Option<UserId>,
        after: Option<ReportCursor>,
        limit: u32,
    ) -> Result<Vec<RevocationReport>, StoreError>;

    /// Counts the pending revocations.
    async fn waiting_revocations(&mut self) -> Result<u64, StoreError>;
}

/// The position of a report in the list of its environment, as the text `1893456000000.<user id>` (Unix
/// milliseconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportCursor {
    /// When the connection was removed.
    pub asked_at: Timestamp,
    /// The connection.
    pub user_id: UserId,
}

/// The text is not a cursor of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after: use `next` of the previous page")]
pub struct InvalidCursor;

impl fmt::Display for ReportCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.asked_at.as_millisecond(), self.user_id)
    }
}

impl FromStr for ReportCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let read = || {
            let (ms, user_id) = text.split_once('.')?;
            let asked_at = Timestamp::from_millisecond(ms.parse().ok()?).ok()?;
            Some(Self { asked_at, user_id: user_id.parse().ok()? })
        };
        read().ok_or(InvalidCursor)
    }
}
