//! The tokens of a connection, and their refresh.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, Provider, UserId,
    wire::admin::{FailedRefresh, GrantState},
};

use crate::{keys::sealed::Sealed, store_error::StoreError};

/// The tokens of one connection, and the state of their refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGrant {
    /// The connection.
    pub user_id: UserId,
    /// The environment of the connection.
    pub dev_id: DevId,
    /// The provider that issued the tokens.
    pub provider: Provider,
    /// The tokens.
    pub sealed: Sealed,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
    /// The lease under which the tokens came; 0 for those of the login. Newer tokens have a greater one.
    pub version: u64,
    /// When the access token expires; `None` if that is unknown or not yet read from the tokens.
    pub expires_at: Option<Timestamp>,
    /// When the grant is due for a refresh or for its first check; `None` is never.
    pub refresh_at: Option<Timestamp>,
    /// Increases when a lease begins and when it ends.
    pub lease: u64,
    /// When the current lease ends.
    pub lease_until: Option<Timestamp>,
    /// Since when a refresh of these tokens is in progress, or its result is unknown.
    pub in_flight_since: Option<Timestamp>,
    /// Failed refreshes since the last successful one.
    pub failures: u32,
    /// When the app was last notified that the connection does not work.
    pub error_reported_at: Option<Timestamp>,
    /// Whether the tokens can be refreshed.
    pub state: GrantState,
    /// Since when the provider waits for the first use of these tokens. It then revokes the tokens before them.
    pub unconfirmed_since: Option<Timestamp>,
}

/// A lease of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When it begins. An earlier lease that ends at or before this instant has ended.
    pub now: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Stored before the provider is called: since when a response may be lost.
    pub in_flight_since: Option<Timestamp>,
}

/// The result of a successful refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTokens {
    /// The tokens.
    pub sealed: Sealed,
    /// Granted permissions, comma-separated; `None` does not change them.
    pub scopes: Option<String>,
    /// When the access token expires.
    pub expires_at: Option<Timestamp>,
    /// When to refresh them.
    pub refresh_at: Option<Timestamp>,
    /// When the provider issued them.
    pub saved_at: Timestamp,
    /// As [`StoredGrant::unconfirmed_since`].
    pub unconfirmed_since: Option<Timestamp>,
}

/// The result of a failed refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureRecord {
    /// The error.
    pub error: FailedRefresh,
    /// Whether the tokens can be refreshed.
    pub state: GrantState,
    /// Whether the connection still works; `None` does not change that.
    pub active: Option<bool>,
    /// When to try again.
    pub refresh_at: Option<Timestamp>,
    /// As [`StoredGrant::in_flight_since`].
    pub in_flight_since: Option<Timestamp>,
    /// As [`StoredGrant::failures`].
    pub failures: u32,
    /// As [`StoredGrant::error_reported_at`].
    pub error_told_at: Option<Timestamp>,
}

/// The refresh history of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRecord {
    /// As [`StoredGrant::state`].
    pub state: GrantState,
    /// Since when the state applies; `None` is since the connection was created.
    pub since: Option<Timestamp>,
    /// As [`StoredGrant::failures`].
    pub failures: u32,
    /// The last error.
    pub last_error: Option<FailedRefresh>,
    /// When the tokens were last refreshed.
    pub refreshed_at: Option<Timestamp>,
    /// As [`StoredGrant::refresh_at`].
    pub next_at: Option<Timestamp>,
}

/// The verbs for stored grants. They ignore connections without tokens.
#[async_trait]
pub trait Grants: Send {
    /// The grant of one connection.
    async fn stored_grant(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<StoredGrant>, StoreError>;

    /// The same, locked until this unit ends.
    async fn lock_grant(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<StoredGrant>, StoreError>;

    /// All grants of one account at a provider, oldest first, locked until this unit ends.
    async fn lock_grants_of_account(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        account: &str,
    ) -> Result<Vec<StoredGrant>, StoreError>;

    /// The refresh history of one grant.
    async fn refresh_record(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<RefreshRecord>, StoreError>;

    /// Claims up to `limit` due grants of a provider, the longest due first. Other claims do not return them until
    /// `hidden_until`.
    async fn claim_grants(
        &mut self,
        provider: &Provider,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<StoredGrant>, StoreError>;

    /// When the next grant of a provider is due; `None` if none is.
    async fn next_refresh_at(&mut self, provider: &Provider) -> Result<Option<Timestamp>, StoreError>;

    /// Records when tokens expire and when to refresh them. Returns whether they are still those that were `seen`.
    async fn schedule_refresh(
        &mut self,
        seen: &StoredGrant,
        expires_at: Option<Timestamp>,
        refresh_at: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// Makes the grants of an account due at `now`, in every environment, except those for which this was done since
    /// `not_since`. Returns the number of grants.
    async fn make_refresh_due(
        &mut self,
        provider: &Provider,
        account: &str,
        now: Timestamp,
        not_since: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Marks every grant as one whose refresh may have lost its response, because its refresh token may be used, and ends
    /// all leases. Returns the number of grants.
    async fn mark_in_doubt(&mut self) -> Result<u64, StoreError>;

    /// Takes the next lease. Returns whether the grant is still as it was `seen` and had no lease.
    async fn lease_grant(&mut self, seen: &StoredGrant, lease: &Lease) -> Result<bool, StoreError>;

    /// Stores tokens that were refreshed under a lease, and ends the lease. Returns whether they are newer than the stored
    /// ones. The grant is then fine, unless it was recorded as revoked, which is final.
    async fn save_tokens(&mut self, leased: &StoredGrant, new: &NewTokens) -> Result<bool, StoreError>;

    /// Records that a grant's tokens were used. Returns whether they are still the same.
    async fn confirm_grant(&mut self, kept: &StoredGrant) -> Result<bool, StoreError>;

    /// Ends the lease of a failed refresh. Returns whether the lease was valid and the tokens are the same.
    async fn record_refresh_failure(
        &mut self,
        leased: &StoredGrant,
        settled: &FailureRecord,
    ) -> Result<bool, StoreError>;
}
