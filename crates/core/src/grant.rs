//! A connection's tokens as they are kept: sealed, and with the state of their refreshing.

use async_trait::async_trait;
use jiff::Timestamp;
pub use terra_auth_types::wire::admin::GrantState;
use terra_auth_types::{DevId, Provider, UserId, wire::admin::FailedRefresh};

use crate::{
    auth::Auth,
    provider::Tokens,
    seal::{Place, SealBroken, Sealed},
    store::StoreError,
};

/// The tokens of one connection, and how their refreshing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptGrant {
    /// Whose tokens these are.
    pub user_id: UserId,
    /// The environment of the connection.
    pub dev_id: DevId,
    /// Who gave them.
    pub provider: Provider,
    /// The tokens.
    pub sealed: Sealed,
    /// Granted permissions, comma-separated.
    pub scopes: Option<String>,
    /// The lease under which the tokens came; 0 for those of the login. Newer tokens have a greater one.
    pub version: u64,
    /// When the access token ends; `None` also where nobody has looked yet.
    pub expires_at: Option<Timestamp>,
    /// When to refresh, or to look for the first time; `None` is never.
    pub refresh_at: Option<Timestamp>,
    /// Counts the leases, and their ends.
    pub lease: u64,
    /// Until when somebody holds the lease.
    pub lease_until: Option<Timestamp>,
    /// Since when a refresh of these tokens is under way, or has ended without anybody knowing how.
    pub in_flight_since: Option<Timestamp>,
    /// Refreshes that failed since the last one that did not.
    pub failures: u32,
    /// When the app was last told that the connection does not work.
    pub error_told_at: Option<Timestamp>,
    /// Whether the tokens can be refreshed.
    pub state: GrantState,
    /// Since when the provider waits for the first use of these tokens, upon which it revokes those before them.
    pub unconfirmed_since: Option<Timestamp>,
}

/// What a lease says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// When it is taken: one that ends at this instant, or earlier, is over.
    pub now: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
    /// Written before the provider is called: since when an answer may be lost.
    pub in_flight_since: Option<Timestamp>,
}

/// What a refresh brought, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTokens {
    /// The tokens.
    pub sealed: Sealed,
    /// Granted permissions, comma-separated; `None` leaves them as they are.
    pub scopes: Option<String>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// When to refresh them.
    pub refresh_at: Option<Timestamp>,
    /// When they came.
    pub kept_at: Timestamp,
    /// As [`KeptGrant::unconfirmed_since`].
    pub unconfirmed_since: Option<Timestamp>,
}

/// What is known after a refresh that brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What went wrong.
    pub error: FailedRefresh,
    /// Whether they can be refreshed.
    pub state: GrantState,
    /// Whether the connection still works; `None` leaves what was said before.
    pub active: Option<bool>,
    /// When to try again.
    pub refresh_at: Option<Timestamp>,
    /// As [`KeptGrant::in_flight_since`].
    pub in_flight_since: Option<Timestamp>,
    /// As [`KeptGrant::failures`].
    pub failures: u32,
    /// As [`KeptGrant::error_told_at`].
    pub error_told_at: Option<Timestamp>,
}

/// What has become of the refreshes of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRecord {
    /// As [`KeptGrant::state`].
    pub state: GrantState,
    /// Since when it is so; `None` is since the connection was made.
    pub since: Option<Timestamp>,
    /// As [`KeptGrant::failures`].
    pub failures: u32,
    /// The last thing that went wrong.
    pub last_error: Option<FailedRefresh>,
    /// When tokens were last refreshed.
    pub refreshed_at: Option<Timestamp>,
    /// As [`KeptGrant::refresh_at`].
    pub next_at: Option<Timestamp>,
}

/// The verbs for kept grants. None of them sees a connection without tokens.
#[async_trait]
pub trait Grants: Send {
    /// The grant of one connection.
    async fn kept_grant(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<KeptGrant>, StoreError>;

    /// The same, which nobody else changes until this unit ends.
    async fn hold_grant(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<KeptGrant>, StoreError>;

    /// All grants of one account at a provider, oldest first, which nobody else changes until this unit ends.
    async fn hold_grants_of_account(
        &mut self,
        dev_id: &DevId,
        provider: &Provider,
        account: &str,
    ) -> Result<Vec<KeptGrant>, StoreError>;

    /// What has become of its refreshes.
    async fn refresh_record(&mut self, dev_id: &DevId, user_id: UserId) -> Result<Option<RefreshRecord>, StoreError>;

    /// Takes up to `limit` grants of a provider that are due, longest due first, and hides them from other claims until
    /// `hidden_until`.
    async fn claim_grants(
        &mut self,
        provider: &Provider,
        now: Timestamp,
        hidden_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeptGrant>, StoreError>;

    /// When the next grant of a provider falls due; `None` when none ever does.
    async fn next_refresh_at(&mut self, provider: &Provider) -> Result<Option<Timestamp>, StoreError>;

    /// Says when tokens end and when to refresh them; answers whether they are as they were `seen`.
    async fn schedule_refresh(
        &mut self,
        seen: &KeptGrant,
        expires_at: Option<Timestamp>,
        refresh_at: Option<Timestamp>,
    ) -> Result<bool, StoreError>;

    /// Lets the grants of an account fall due at `now`, in every environment, but for those for which that was done since
    /// `not_since`; answers how many there were.
    async fn hasten_refresh(
        &mut self,
        provider: &Provider,
        account: &str,
        now: Timestamp,
        not_since: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Marks every grant as one of which a refresh may have ended without an answer, and ends all leases: its refresh token
    /// may be spent. Answers how many there were.
    async fn mark_in_doubt(&mut self) -> Result<u64, StoreError>;

    /// Takes the next lease; answers whether the grant is as it was `seen` and nobody holds it.
    async fn lease_grant(&mut self, seen: &KeptGrant, lease: &Lease) -> Result<bool, StoreError>;

    /// Keeps what was refreshed under a lease, which is over with that; answers whether it was newer than what was
    /// there. The grant counts as fine then, unless it was called revoked: that is the end of it.
    async fn keep_tokens(&mut self, leased: &KeptGrant, new: &NewTokens) -> Result<bool, StoreError>;

    /// Records that a grant's tokens were used; answers whether they are still the same.
    async fn confirm_grant(&mut self, kept: &KeptGrant) -> Result<bool, StoreError>;

    /// Ends a lease that brought nothing; answers whether it was still held and the tokens are the same.
    async fn settle_grant(&mut self, leased: &KeptGrant, settled: &Settled) -> Result<bool, StoreError>;
}

impl Auth {
    /// Opens kept tokens.
    pub(crate) fn open_grant(&self, grant: &KeptGrant) -> Result<Tokens, SealBroken> {
        let row = grant.user_id.to_string();
        let place = Place { dev_id: grant.dev_id.as_str(), row: &row, column: "grant" };
        Tokens::from_json(&self.keys.open(place, &grant.sealed)?).ok_or(SealBroken)
    }

    /// Seals tokens for the place of a connection's grant.
    pub(crate) fn seal_grant(&self, dev_id: &DevId, user_id: UserId, tokens: &Tokens) -> Sealed {
        let row = user_id.to_string();
        let place = Place { dev_id: dev_id.as_str(), row: &row, column: "grant" };
        self.keys.seal(self.entropy.as_ref(), place, &tokens.to_json())
    }
}
