//! Stores the result of a refresh: new tokens, or the failure.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    causes::Causes,
    event::EventRecord,
    grant::{FailureRecord, NewTokens, StoredGrant},
    provider::{RefreshError, Refreshed},
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{EventId, UserId, wire::admin::GrantState};

use super::{attempt::Leased, check_grant_state, usable_token};
pub(crate) use crate::node::refresh::{
    gate::Gate,
    in_flight::{AccessToken, AccessTokenError, RefreshResult, Rules},
    plan::{GrantEvent, LEASE_TTL, after, due_at, is_live},
};
use crate::{
    auth::Auth,
    event::{error_event, permission_event, publish, revoked_event},
};

/// The minimum time between two refreshes of a grant. Without it, tokens that expire at once would be refreshed
/// continuously.
const MIN_REFRESH_INTERVAL: SignedDuration = SignedDuration::from_secs(30);
/// How often saving new tokens is tried: for a minute and a half in total.
const MAX_SAVE_ATTEMPTS: u32 = 24;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

impl Auth {
    /// Stores the result of a refresh before anyone can use it.
    pub(super) async fn record(
        &self,
        leased: Leased,
        outcome: Result<Refreshed, RefreshError>,
        gate: &Gate,
    ) -> RefreshResult {
        match outcome {
            Ok(refreshed) => {
                gate.succeeded();
                self.save_new_tokens(leased, refreshed).await
            }
            Err(error) => self.record_failure(&leased, &error, gate).await,
        }
    }

    async fn save_new_tokens(&self, leased: Leased, refreshed: Refreshed) -> RefreshResult {
        let tokens = refreshed.tokens.bounded(self.now());
        let due_at = due_at(&tokens, self.now(), &leased.policy, self.new_jitter());
        let told_scopes = refreshed.scopes.filter(|scopes| !scopes.is_empty());
        let new = NewTokens {
            sealed: self.seal_grant(&leased.grant.dev_id, leased.grant.user_id, &tokens),
            scopes: told_scopes.map(|scopes| scopes.join(",")),
            expires_at: tokens.expires_at,
            refresh_at: due_at.map(|due| due.max(after(self.now(), MIN_REFRESH_INTERVAL))),
            saved_at: self.now(),
            unconfirmed_since: leased.policy.confirm.then(|| self.now()),
        };
        let scopes = new.scopes.clone().or_else(|| leased.grant.scopes.clone());
        let (event_id, rules) = (self.new_event_id(), self.refreshes().rules());
        let alone = leased.policy.confirm;
        let unit = SaveTokens { leased: leased.grant, new, event_id, now: self.now(), rules, latest_lease_only: alone };
        match self.save_with_retries(unit.leased.user_id, &unit).await? {
            SaveOutcome::Ours { told } => {
                if told {
                    self.outbox().notify_one();
                }
                if unit.leased.state != GrantState::Fine {
                    tracing::info!(user.id = %unit.leased.user_id, provider = %unit.leased.provider,
                        "the connection {} works again", unit.leased.user_id);
                }
                let (access_token, expires_at) = (tokens.access_token, tokens.expires_at);
                Ok(AccessToken { access_token, expires_at, scopes })
            }
            SaveOutcome::Theirs(newer) => {
                check_grant_state(&newer)?;
                let tokens = self.open_grant(&newer)?;
                if newer.version < unit.leased.lease && !is_live(&tokens, self.now()) {
                    return Err(AccessTokenError::Unavailable { retry_at: after(self.now(), LEASE_TTL) });
                }
                Ok(usable_token(&newer, tokens))
            }
            SaveOutcome::ConnectionRemoved => {
                self.outbox().notify_one();
                Err(AccessTokenError::UserNotFound)
            }
        }
    }

    /// Runs a unit that saves new tokens, with retries: they may be the only valid ones.
    pub(crate) async fn save_with_retries<U>(&self, user_id: UserId, unit: &U) -> Result<U::Done, StoreError>
    where
        U: Unit<Error = StoreError> + Clone,
    {
        let mut tries = 1;
        loop {
            let error = match self.store().run(unit.clone()).await {
                Ok(kept) => return Ok(kept),
                Err(error) => error,
            };
            tracing::error!(user.id = %user_id, error = %Causes(&error), "could not store refreshed tokens");
            if tries == MAX_SAVE_ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep((FIRST_BACKOFF * 2_u32.pow(tries.min(10))).min(MAX_BACKOFF)).await;
            tries += 1;
        }
    }

    async fn record_failure(&self, leased: &Leased, error: &RefreshError, gate: &Gate) -> RefreshResult {
        let (grant, now) = (&leased.grant, self.now());
        tracing::warn!(user.id = %grant.user_id, provider = %grant.provider, error = %Causes(error),
            "could not refresh the tokens of {} at {}", grant.user_id, grant.provider);
        let closed_until = gate.failed(error, now);
        let (settled, told) = leased.failed(self, closed_until).record_of(error);
        let answer = match settled.state {
            GrantState::Revoked => AccessTokenError::Revoked,
            GrantState::NeedsConsent => AccessTokenError::NeedsConsent,
            GrantState::Fine | GrantState::Failing => {
                AccessTokenError::Unavailable { retry_at: settled.refresh_at.unwrap_or(now) }
            }
        };
        let event_id = self.new_event_id();
        let rules = self.refreshes().rules();
        let still_so =
            self.store().run(RecordFailure { leased: grant.clone(), settled, told, event_id, now, rules }).await?;
        self.outbox().notify_one();
        if still_so {
            return Err(answer);
        }
        let newer = self.stored_grant(&grant.dev_id, grant.user_id).await?.ok_or(AccessTokenError::UserNotFound)?;
        if newer.version == grant.version {
            return Err(answer);
        }
        let tokens = self.open_grant(&newer)?;
        Ok(usable_token(&newer, tokens))
    }
}

/// The tokens that are in the store now.
enum SaveOutcome {
    /// Our tokens, and whether an event about changed scopes was added.
    Ours {
        told: bool,
    },
    Theirs(Box<StoredGrant>),
    ConnectionRemoved,
}

#[derive(Clone)]
struct SaveTokens {
    leased: StoredGrant,
    new: NewTokens,
    event_id: EventId,
    now: Timestamp,
    rules: Rules,
    /// Whether tokens are stored only if no later lease was taken. At a provider where old tokens stay valid
    /// until new ones are used, two refreshes can produce two pairs, and using one revokes the other. So only
    /// the latest lease may store tokens.
    latest_lease_only: bool,
}

#[async_trait]
impl Unit for SaveTokens {
    type Done = SaveOutcome;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<SaveOutcome, StoreError> {
        let there = tx.lock_grant(&self.leased.dev_id, self.leased.user_id).await?;
        let mut leased = self.leased.clone();
        if let Some(there) = there.as_ref().filter(|_| !self.rules.is_fenced()) {
            leased.lease = leased.lease.max(there.lease);
        }
        if let Some(there) = there
            .clone()
            .filter(|there| self.latest_lease_only && self.rules.is_fenced() && there.lease != leased.lease)
        {
            return Ok(SaveOutcome::Theirs(Box::new(there)));
        }
        if tx.save_tokens(&leased, &self.new).await? {
            let scopes_before = there.and_then(|there| there.scopes);
            return Ok(SaveOutcome::Ours { told: self.add_event(tx, scopes_before.as_deref()).await? });
        }
        if let Some(newer) = there {
            return Ok(SaveOutcome::Theirs(Box::new(newer)));
        }
        // The connection was removed meanwhile. Its revocation, if there is one, needs tokens that are still valid.
        tx.renew_revocation(leased.user_id, &self.new.sealed, self.now).await?;
        Ok(SaveOutcome::ConnectionRemoved)
    }
}

impl SaveTokens {
    /// Adds a `permission_change` event if the granted scopes have changed. Losing a required scope is no
    /// exception: the connection still works in part, and only the app knows whether that is useful.
    async fn add_event(&self, tx: &mut dyn Tx, scopes_before: Option<&str>) -> Result<bool, StoreError> {
        if self.new.scopes.as_deref().is_none_or(|scopes| Some(scopes) == scopes_before) {
            return Ok(false);
        }
        let connection = tx.connection(&self.leased.dev_id, self.leased.user_id).await?;
        let Some(event) = connection.and_then(|connection| permission_event(&connection, scopes_before)) else {
            return Ok(false);
        };
        publish(tx, &EventRecord::new(self.event_id, &self.leased.dev_id, &event, self.now)).await?;
        Ok(true)
    }
}

struct RecordFailure {
    leased: StoredGrant,
    settled: FailureRecord,
    told: Option<GrantEvent>,
    event_id: EventId,
    now: Timestamp,
    rules: Rules,
}

#[async_trait]
impl Unit for RecordFailure {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let mut leased = self.leased.clone();
        if !self.rules.is_fenced()
            && let Some(there) = tx.stored_grant(&leased.dev_id, leased.user_id).await?
        {
            (leased.version, leased.lease) = (there.version, there.lease);
        }
        if !tx.record_refresh_failure(&leased, &self.settled).await? {
            return Ok(false);
        }
        let (Some(told), Some(connection)) = (self.told, tx.connection(&leased.dev_id, leased.user_id).await?) else {
            return Ok(true);
        };
        let event = match told {
            GrantEvent::Revoked => revoked_event(&connection),
            GrantEvent::NeedsConsent => error_event(&connection, "The end user must connect again"),
            GrantEvent::Failing => error_event(&connection, "The provider cannot be reached for this connection"),
        };
        publish(tx, &EventRecord::new(self.event_id, &leased.dev_id, &event, self.now)).await?;
        Ok(true)
    }
}
