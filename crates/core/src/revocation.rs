//! A grant that must still be revoked at its provider, after our side is gone.

mod attempt;
mod end;
mod refresh;
mod report;

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, Provider, UserId,
    wire::admin::{RevocationOutcome, RevocationReason, RevocationReport},
};

pub(crate) use self::end::{End, end_connection};
pub use self::report::ReportCursor;
use crate::{connection::Connection, provider::Answered, seal::Sealed, store::StoreError};

/// One revoke call that is owed to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The connection that ended. Only an import uses an id again.
    pub user_id: UserId,
    /// Whose connection it was.
    pub dev_id: DevId,
    /// Where to revoke.
    pub provider: Provider,
    /// The provider's own id for the account, which some want to be told.
    pub account: Option<String>,
    /// The provider's tokens, sealed for the connection's row; none of an on-device source.
    pub grant: Option<Sealed>,
    /// Since when a refresh of these tokens is under way, or has ended without anybody knowing how.
    pub in_flight_since: Option<Timestamp>,
    /// When the connection ended.
    pub created_at: Timestamp,
    /// How often it was tried. Whoever tries it holds this number, and settles nothing once it is another.
    pub attempts: u32,
    /// When to try next.
    pub next_attempt_at: Timestamp,
}

impl Revocation {
    /// What is owed for a connection that ended.
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

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Pending leaves the tokens in their place; all others erase them.
    pub outcome: RevocationOutcome,
    /// Why.
    pub reason: Option<RevocationReason>,
    /// What the provider said.
    pub answer: Answered,
    /// When it was.
    pub at: Timestamp,
    /// When to try again, if it is pending.
    pub next_attempt_at: Timestamp,
    /// As [`Revocation::in_flight_since`], if it is pending.
    pub in_flight_since: Option<Timestamp>,
}

impl Settlement {
    /// An end without a call.
    pub(crate) fn without_call(outcome: RevocationOutcome, reason: RevocationReason, now: Timestamp) -> Self {
        Self {
            outcome,
            reason: Some(reason),
            answer: Answered::default(),
            at: now,
            next_attempt_at: now,
            in_flight_since: None,
        }
    }
}

/// The verbs for revocations; they work like those for deliveries. What has ended stays as a report until housekeeping.
#[async_trait]
pub trait Revocations: Send {
    /// Adds a revocation, in the place of an earlier one of the same id.
    async fn add_revocation(&mut self, revocation: &Revocation) -> Result<(), StoreError>;

    /// Begins a revocation anew with newer tokens; answers whether there is one.
    async fn renew_revocation(&mut self, user_id: UserId, grant: &Sealed, now: Timestamp) -> Result<bool, StoreError>;

    /// The providers that are owed revocations, the longest due first, each with the instant at which its first one falls
    /// due. Leases count.
    async fn revocation_queues(&mut self) -> Result<Vec<(Provider, Timestamp)>, StoreError>;

    /// Takes up to `limit` revocations at a provider that are due, hides them until `lease_until` and counts the attempt.
    async fn claim_revocations(
        &mut self,
        provider: &Provider,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Makes every revocation that is leased due at once, as for deliveries.
    async fn release_revocations(&mut self, now: Timestamp) -> Result<u64, StoreError>;

    /// Makes every pending revocation due at once that was attempted after an instant, as for deliveries.
    async fn reschedule_revocations(&mut self, now: Timestamp, attempted_after: Timestamp) -> Result<u64, StoreError>;

    /// Writes down that the tokens are about to be refreshed; answers whether the attempt still counts.
    async fn mark_revocation(&mut self, claimed: &Revocation, since: Timestamp) -> Result<bool, StoreError>;

    /// Keeps refreshed tokens, and removes the mark; answers whether the attempt still counts.
    async fn keep_revocation_tokens(&mut self, claimed: &Revocation, grant: &Sealed) -> Result<bool, StoreError>;

    /// Records how an attempt ended, if it still counts; answers whether it does.
    async fn settle_revocation(&mut self, claimed: &Revocation, settlement: &Settlement) -> Result<bool, StoreError>;

    /// Reports of an environment, or of one of its connections, the newest first.
    async fn revocation_reports(
        &mut self,
        dev_id: &DevId,
        user_id: Option<UserId>,
        after: Option<ReportCursor>,
        limit: u32,
    ) -> Result<Vec<RevocationReport>, StoreError>;

    /// How many revocations wait.
    async fn waiting_revocations(&mut self) -> Result<u64, StoreError>;
}
