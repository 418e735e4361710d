//! A grant that must still be revoked at its provider, after our side is gone.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{DevId, Provider, UserId};

use crate::{connection::Connection, delivery::AttemptOutcome, seal::Sealed, store::StoreError};

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
    /// The provider's tokens, sealed for the connection's row.
    pub grant: Sealed,
    /// When the connection ended.
    pub created_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try next.
    pub next_attempt_at: Timestamp,
}

impl Revocation {
    /// What is owed for a connection that ended; `None` for one without tokens, such as an on-device source.
    #[must_use]
    pub fn of(connection: &Connection, now: Timestamp) -> Option<Self> {
        connection.grant.clone().map(|grant| Self {
            user_id: connection.user_id,
            dev_id: connection.dev_id.clone(),
            provider: connection.provider.clone(),
            account: Some(connection.account.clone()),
            grant,
            created_at: now,
            attempts: 0,
            next_attempt_at: now,
        })
    }
}

/// The verbs for revocations; they work like those for deliveries.
#[async_trait]
pub trait Revocations: Send {
    /// Adds a revocation, in the place of an earlier one of the same id.
    async fn add_revocation(&mut self, revocation: &Revocation) -> Result<(), StoreError>;

    /// Begins a revocation anew with newer tokens; answers whether there is one.
    async fn renew_revocation(&mut self, user_id: UserId, grant: &Sealed, now: Timestamp) -> Result<bool, StoreError>;

    /// Takes up to `limit` revocations that are due, hides them until `lease_until` and counts the attempt.
    async fn claim_revocations(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Revocation>, StoreError>;

    /// Records how an attempt ended; the sealed tokens are erased once it is over.
    async fn settle_revocation(&mut self, user_id: UserId, outcome: &AttemptOutcome) -> Result<(), StoreError>;

    /// When the next revocation falls due; `None` when none waits.
    async fn next_revocation_at(&mut self) -> Result<Option<Timestamp>, StoreError>;

    /// How many revocations wait.
    async fn waiting_revocations(&mut self) -> Result<u64, StoreError>;
}
