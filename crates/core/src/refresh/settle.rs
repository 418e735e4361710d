//! What a refresh leaves behind: new tokens, or what is known after it failed.

use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{DeliveryId, UserId};

use super::{
    AccessToken, AccessTokenError, Refreshing, Rules,
    attempt::Leased,
    check,
    gate::Gate,
    handed_out,
    plan::{LEASE, Told, after, due_at, is_live},
};
use crate::{
    auth::Auth,
    causes::Causes,
    delivery::Delivery,
    event::{error_event, permission_event, revoked_event},
    grant::{GrantState, KeptGrant, NewTokens, Settled},
    provider::{RefreshError, Refreshed},
    store::{StoreError, Tx, Unit},
};

/// However soon tokens end, nobody refreshes them sooner than they must be asked for: a provider that says that they end at
/// once would be called without a pause.
const SHORTEST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How often new tokens are tried to be kept: for a minute and a half.
const TRIES: u32 = 24;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Auth {
    /// Makes durable how a call ended; only then anybody hears of it.
    pub(super) async fn record(
        &self,
        leased: Leased,
        outcome: Result<Refreshed, RefreshError>,
        gate: &Gate,
    ) -> Refreshing {
        match outcome {
            Ok(refreshed) => {
                gate.succeeded();
                self.keep(leased, refreshed).await
            }
            Err(error) => self.settle(&leased, &error, gate).await,
        }
    }

    async fn keep(&self, leased: Leased, refreshed: Refreshed) -> Refreshing {
        let tokens = refreshed.tokens.bounded(self.now());
        let due_at = due_at(&tokens, self.now(), &leased.policy, self.draw());
        let told_scopes = refreshed.scopes.filter(|scopes| !scopes.is_empty());
        let new = NewTokens {
            sealed: self.seal_grant(&leased.grant.dev_id, leased.grant.user_id, &tokens),
            scopes: told_scopes.map(|scopes| scopes.join(",")),
            expires_at: tokens.expires_at,
            refresh_at: due_at.map(|due| due.max(after(self.now(), SHORTEST_PAUSE))),
            kept_at: self.now(),
            unconfirmed_since: leased.policy.confirm.then(|| self.now()),
        };
        let scopes = new.scopes.clone().or_else(|| leased.grant.scopes.clone());
        let (delivery_id, rules) = (self.delivery_id(), self.refreshes().rules);
        let alone = leased.policy.confirm;
        let unit = KeepTokens { leased: leased.grant, new, delivery_id, now: self.now(), rules, alone };
        match self.keep_surely(unit.leased.user_id, &unit).await? {
            Kept::Ours { told } => {
                if told {
                    self.outbox.notify_one();
                }
                if unit.leased.state != GrantState::Fine {
                    tracing::info!(user.id = %unit.leased.user_id, provider = %unit.leased.provider,
                        "connection {} works again", unit.leased.user_id);
                }
                let (access_token, expires_at) = (tokens.access_token, tokens.expires_at);
                Ok(AccessToken { access_token, expires_at, scopes })
            }
            Kept::Theirs(newer) => {
                check(&newer)?;
                let tokens = self.open_grant(&newer)?;
                if newer.version < unit.leased.lease && !is_live(&tokens, self.now()) {
                    return Err(AccessTokenError::Unavailable { retry_at: after(self.now(), LEASE) });
                }
                Ok(handed_out(&newer, tokens))
            }
            Kept::Gone => {
                self.outbox.notify_one();
                Err(AccessTokenError::UserNotFound)
            }
        }
    }

    /// A failed store is asked again and again: these tokens may be the only ones that count.
    pub(crate) async fn keep_surely<U>(&self, user_id: UserId, unit: &U) -> Result<U::Done, StoreError>
    where
        U: Unit<Refusal = StoreError> + Clone,
    {
        let mut tries = 1;
        loop {
            let error = match self.store.run(unit.clone()).await {
                Ok(kept) => return Ok(kept),
                Err(error) => error,
            };
            tracing::error!(user.id = %user_id, error = %Causes(&error), "could not keep refreshed tokens");
            if tries == TRIES {
                return Err(error);
            }
            tokio::time::sleep((FIRST_PAUSE * 2_u32.pow(tries.min(10))).min(LONGEST_PAUSE)).await;
            tries += 1;
        }
    }

    async fn settle(&self, leased: &Leased, error: &RefreshError, gate: &Gate) -> Refreshing {
        let (grant, now) = (&leased.grant, self.now());
        tracing::warn!(user.id = %grant.user_id, provider = %grant.provider, error = %Causes(error),
            "could not refresh the tokens of {} at {}", grant.user_id, grant.provider);
        let closed_until = gate.failed(error, now);
        let (settled, told) = leased.failed(self, closed_until).settle(error);
        let answer = match settled.state {
            GrantState::Revoked => AccessTokenError::Revoked,
            GrantState::NeedsConsent => AccessTokenError::NeedsConsent,
            GrantState::Fine | GrantState::Failing => {
                AccessTokenError::Unavailable { retry_at: settled.refresh_at.unwrap_or(now) }
            }
        };
        let delivery_id = self.delivery_id();
        let rules = self.refreshes().rules;
        let still_so = self.store.run(Settle { leased: grant.clone(), settled, told, delivery_id, now, rules }).await?;
        self.outbox.notify_one();
        if still_so {
            return Err(answer);
        }
        let newer = self.kept_grant(&grant.dev_id, grant.user_id).await?.ok_or(AccessTokenError::UserNotFound)?;
        if newer.version == grant.version {
            return Err(answer);
        }
        let tokens = self.open_grant(&newer)?;
        Ok(handed_out(&newer, tokens))
    }
}

/// Whose tokens are in the store now.
enum Kept {
    /// Ours, and whether the app is told that other scopes are granted.
    Ours {
        told: bool,
    },
    Theirs(Box<KeptGrant>),
    Gone,
}

#[derive(Clone)]
struct KeepTokens {
    leased: KeptGrant,
    new: NewTokens,
    delivery_id: DeliveryId,
    now: Timestamp,
    rules: Rules,
    /// Whether tokens are kept only while nobody else has taken a lease. Where the tokens before stay good until newer ones
    /// are used, two pairs may have come for them: the use of one ends the other, so only the latest lease may bring one.
    alone: bool,
}

#[async_trait]
impl Unit for KeepTokens {
    type Done = Kept;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Kept, StoreError> {
        let there = tx.hold_grant(&self.leased.dev_id, self.leased.user_id).await?;
        let mut leased = self.leased.clone();
        if let Some(there) = there.as_ref().filter(|_| !self.rules.fence) {
            leased.lease = leased.lease.max(there.lease);
        }
        if let Some(there) = there.clone().filter(|there| self.alone && self.rules.fence && there.lease != leased.lease)
        {
            return Ok(Kept::Theirs(Box::new(there)));
        }
        if tx.keep_tokens(&leased, &self.new).await? {
            let scopes_before = there.and_then(|there| there.scopes);
            return Ok(Kept::Ours { told: self.tell(tx, scopes_before.as_deref()).await? });
        }
        if let Some(newer) = there {
            return Ok(Kept::Theirs(Box::new(newer)));
        }
        // The connection ended meanwhile. If its grant is to be revoked, then with tokens that still count.
        tx.renew_revocation(leased.user_id, &self.new.sealed, self.now).await?;
        Ok(Kept::Gone)
    }
}

impl KeepTokens {
    /// `permission_change`, if other scopes are granted than before. A scope that the app cannot do without is no exception:
    /// what is left of the connection works, and only the app knows what that is worth.
    async fn tell(&self, tx: &mut dyn Tx, scopes_before: Option<&str>) -> Result<bool, StoreError> {
        if self.new.scopes.as_deref().is_none_or(|scopes| Some(scopes) == scopes_before) {
            return Ok(false);
        }
        let connection = tx.connection(&self.leased.dev_id, self.leased.user_id).await?;
        let Some(event) = connection.and_then(|connection| permission_event(&connection, scopes_before)) else {
            return Ok(false);
        };
        tx.add_delivery(&Delivery::new(self.delivery_id, &self.leased.dev_id, &event, self.now)).await?;
        Ok(true)
    }
}

struct Settle {
    leased: KeptGrant,
    settled: Settled,
    told: Option<Told>,
    delivery_id: DeliveryId,
    now: Timestamp,
    rules: Rules,
}

#[async_trait]
impl Unit for Settle {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        let mut leased = self.leased.clone();
        if !self.rules.fence
            && let Some(there) = tx.kept_grant(&leased.dev_id, leased.user_id).await?
        {
            (leased.version, leased.lease) = (there.version, there.lease);
        }
        if !tx.settle_grant(&leased, &self.settled).await? {
            return Ok(false);
        }
        let (Some(told), Some(connection)) = (self.told, tx.connection(&leased.dev_id, leased.user_id).await?) else {
            return Ok(true);
        };
        let event = match told {
            Told::Revoked => revoked_event(&connection),
            Told::NeedsConsent => error_event(&connection, "The end user must connect again"),
            Told::Failing => error_event(&connection, "The provider cannot be reached for this connection"),
        };
        tx.add_delivery(&Delivery::new(self.delivery_id, &leased.dev_id, &event, self.now)).await?;
        Ok(true)
    }
}
