//! Refreshes what falls due, ahead of its end. Any number of nodes may do that on one store.

use std::{collections::HashSet, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::Provider;
use tokio::{sync::watch, task::JoinSet};

use super::plan::{after, due_at, is_kept_alive};
use crate::{
    auth::Auth,
    causes::Causes,
    grant::KeptGrant,
    provider::{RefreshPolicy, Tokens},
    seal::SealBroken,
    store::{StoreError, Tx, Unit},
};

/// How long a claimed grant is left to whoever claimed it: longer than a lease.
const HIDDEN: SignedDuration = SignedDuration::from_secs(90);
/// When to look again at tokens that do not open.
const BROKEN: SignedDuration = SignedDuration::from_hours(1);
/// The longest sleep: a connection made meanwhile wants to be looked at.
const MAX_SLEEP: Duration = Duration::from_secs(30);
const MIN_SLEEP: Duration = Duration::from_millis(250);

impl Auth {
    /// Refreshes what falls due, until `shutdown`; what is under way then is finished, whoever began it.
    pub async fn refresh_as_due(&self, shutdown: impl Future<Output = ()>) {
        let (end, ending) = watch::channel(());
        let mut workers = JoinSet::new();
        tokio::select! {
            () = shutdown => {}
            () = self.hire(&mut workers, ending) => {}
        }
        drop(end);
        while workers.join_next().await.is_some() {}
        let under_way: Vec<_> = self.refreshes().under_way().values().cloned().collect();
        for mut outcome in under_way {
            drop(outcome.wait_for(Option::is_some).await);
        }
    }

    /// Refreshes everything that is due now; answers how many grants were looked at.
    ///
    /// # Errors
    ///
    /// The store failed; what was not refreshed stays due.
    pub async fn refresh_due(&self) -> Result<usize, StoreError> {
        let (_end, mut ending) = watch::channel(());
        let mut looked_at = 0;
        for provider in self.providers.refreshed() {
            looked_at += self.refresh_due_at(&provider, &mut ending).await?;
        }
        Ok(looked_at)
    }

    /// One worker for each provider, for those too that come while the server runs.
    async fn hire(&self, workers: &mut JoinSet<()>, ending: watch::Receiver<()>) {
        let mut tended = HashSet::new();
        loop {
            for provider in self.providers.refreshed() {
                if tended.insert(provider.clone()) {
                    workers.spawn(self.clone().tend(provider, ending.clone()));
                }
            }
            tokio::time::sleep(MAX_SLEEP).await;
        }
    }

    async fn tend(self, provider: Provider, mut ending: watch::Receiver<()>) {
        loop {
            let pause = match self.refresh_due_at(&provider, &mut ending).await {
                Ok(_) => self.pause_before(&provider).await,
                Err(error) => Err(error),
            };
            let pause = pause.unwrap_or_else(|error| {
                tracing::error!(%provider, error = %Causes(&error), "cannot refresh what is due at {provider}");
                MAX_SLEEP
            });
            tokio::select! {
                biased;
                _ = ending.changed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Keeps as many refreshes under way as the provider allows, until nothing more is due.
    async fn refresh_due_at(&self, provider: &Provider, ending: &mut watch::Receiver<()>) -> Result<usize, StoreError> {
        let Some(policy) = self.providers.refresh_policy(provider) else { return Ok(0) };
        let places = policy.at_once.max(1) as usize;
        let (mut under_way, mut begun, mut more) = (JoinSet::new(), 0, true);
        loop {
            more &= ending.has_changed().is_ok();
            if more && under_way.len() <= places / 2 {
                let free = u32::try_from(places - under_way.len()).unwrap_or(u32::MAX);
                let claimed = self.store.run(ClaimGrants::new(provider, self.now(), free)).await?;
                more = !claimed.is_empty();
                begun += claimed.len();
                for grant in claimed {
                    under_way.spawn(self.clone().refresh_claimed(grant, policy));
                }
            }
            if under_way.join_next().await.is_none() && !more {
                return Ok(begun);
            }
        }
    }

    async fn pause_before(&self, provider: &Provider) -> Result<Duration, StoreError> {
        let Some(next) = self.store.read(NextRefresh(provider.clone())).await? else { return Ok(MAX_SLEEP) };
        let wait = Duration::try_from(next.duration_since(self.now())).unwrap_or_default();
        Ok(wait.clamp(MIN_SLEEP, MAX_SLEEP))
    }

    /// Refreshes a grant; one that nobody has looked at yet learns when it is due, if that is not by now.
    async fn refresh_claimed(self, grant: KeptGrant, policy: RefreshPolicy) {
        let scheduled = match self.open_grant(&grant) {
            Ok(tokens) if is_to_look_at(&grant, &tokens, &policy) => {
                let now = self.now();
                let refresh_at = due_at(&tokens, now, &policy, self.draw());
                if refresh_at.is_some_and(|due| due <= now) {
                    return drop(self.refreshed(grant).await);
                }
                self.store.run(Schedule { seen: grant, expires_at: tokens.expires_at, refresh_at }).await
            }
            Ok(_) => return drop(self.refreshed(grant).await), // whoever failed has said so in the log
            Err(SealBroken) => {
                tracing::error!(user.id = %grant.user_id, "the tokens of {} cannot be read", grant.user_id);
                let refresh_at = Some(after(self.now(), BROKEN));
                self.store.run(Schedule { expires_at: grant.expires_at, seen: grant, refresh_at }).await
            }
        };
        if let Err(error) = scheduled {
            tracing::warn!(error = %Causes(&error), "could not schedule a refresh");
        }
    }
}

/// Whether there is nothing to refresh yet. What has no refresh token is over when its access token is, and never before.
fn is_to_look_at(grant: &KeptGrant, tokens: &Tokens, policy: &RefreshPolicy) -> bool {
    tokens.refresh_token.is_none() || (grant.expires_at.is_none() && !is_kept_alive(tokens, policy))
}

struct ClaimGrants {
    provider: Provider,
    now: Timestamp,
    limit: u32,
}

impl ClaimGrants {
    fn new(provider: &Provider, now: Timestamp, limit: u32) -> Self {
        Self { provider: provider.clone(), now, limit }
    }
}

#[async_trait]
impl Unit for ClaimGrants {
    type Done = Vec<KeptGrant>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.claim_grants(&self.provider, self.now, after(self.now, HIDDEN), self.limit).await
    }
}

struct NextRefresh(Provider);

#[async_trait]
impl Unit for NextRefresh {
    type Done = Option<Timestamp>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.next_refresh_at(&self.0).await
    }
}

struct Schedule {
    seen: KeptGrant,
    expires_at: Option<Timestamp>,
    refresh_at: Option<Timestamp>,
}

#[async_trait]
impl Unit for Schedule {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.schedule_refresh(&self.seen, self.expires_at, self.refresh_at).await
    }
}
