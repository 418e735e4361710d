//! Refreshes due grants before their tokens expire. Any number of nodes can do this on one store.

use std::{collections::HashSet, time::Duration};

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    causes::Causes,
    grant::StoredGrant,
    keys::UnsealError,
    provider::{RefreshPolicy, Tokens},
    store_error::StoreError,
    unit,
};
use terra_auth_types::Provider;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    auth::Auth,
    node::refresh::plan::{after, due_at, is_refreshed_for_refresh_token_only},
};

/// How long a claim hides a grant from other workers: longer than a lease.
const CLAIM_TTL: SignedDuration = SignedDuration::from_secs(90);
/// When to try again to decrypt tokens that cannot be decrypted.
const UNREADABLE_RETRY: SignedDuration = SignedDuration::from_hours(1);
/// The longest sleep, so that new connections are noticed.
const MAX_SLEEP: Duration = Duration::from_secs(30);
const MIN_SLEEP: Duration = Duration::from_millis(250);

impl Auth {
    /// Refreshes due grants until `shutdown`, and then waits for all refreshes in flight.
    pub async fn refresh_as_due(&self, shutdown: impl Future<Output = ()>) {
        let (end, ending) = watch::channel(());
        let mut workers = JoinSet::new();
        tokio::select! {
            () = shutdown => {}
            () = self.spawn_workers(&mut workers, ending) => {}
        }
        drop(end);
        while workers.join_next().await.is_some() {}
        let under_way: Vec<_> = self.refreshes().in_flight().values().cloned().collect();
        for mut outcome in under_way {
            drop(outcome.wait_for(Option::is_some).await);
        }
    }

    /// Refreshes all grants that are due now; returns how many were claimed.
    ///
    /// # Errors
    ///
    /// The store failed; the remaining grants stay due.
    pub async fn refresh_due(&self) -> Result<usize, StoreError> {
        let (_end, mut ending) = watch::channel(());
        let mut looked_at = 0;
        for provider in self.providers().refreshable_providers() {
            looked_at += self.refresh_due_at(&provider, &mut ending).await?;
        }
        Ok(looked_at)
    }

    /// Runs one worker per provider, including providers that are added while the server runs.
    async fn spawn_workers(&self, workers: &mut JoinSet<()>, ending: watch::Receiver<()>) {
        let mut tended = HashSet::new();
        loop {
            for provider in self.providers().refreshable_providers() {
                if tended.insert(provider.clone()) {
                    workers.spawn(self.clone().run_worker(provider, ending.clone()));
                }
            }
            tokio::time::sleep(MAX_SLEEP).await;
        }
    }

    async fn run_worker(self, provider: Provider, mut ending: watch::Receiver<()>) {
        loop {
            let pause = match self.refresh_due_at(&provider, &mut ending).await {
                Ok(_) => self.sleep_until_next(&provider).await,
                Err(error) => Err(error),
            };
            let pause = pause.unwrap_or_else(|error| {
                tracing::error!(%provider, error = %Causes(&error), "could not refresh the due grants at {provider}");
                MAX_SLEEP
            });
            tokio::select! {
                biased;
                _ = ending.changed() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Claims and refreshes due grants, as many concurrently as the provider allows, until none is due.
    async fn refresh_due_at(&self, provider: &Provider, ending: &mut watch::Receiver<()>) -> Result<usize, StoreError> {
        let Some(policy) = self.providers().refresh_policy(provider) else { return Ok(0) };
        let places = policy.max_in_flight.max(1) as usize;
        let (mut under_way, mut begun, mut more) = (JoinSet::new(), 0, true);
        loop {
            more &= ending.has_changed().is_ok();
            if more && under_way.len() <= places / 2 {
                let free = u32::try_from(places - under_way.len()).unwrap_or(u32::MAX);
                let claimed = self.store().run(ClaimGrants::new(provider, self.now(), free)).await?;
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

    async fn sleep_until_next(&self, provider: &Provider) -> Result<Duration, StoreError> {
        let Some(next) = self.store().read(NextRefresh { provider: provider.clone() }).await? else {
            return Ok(MAX_SLEEP);
        };
        let wait = Duration::try_from(next.duration_since(self.now())).unwrap_or_default();
        Ok(wait.clamp(MIN_SLEEP, MAX_SLEEP))
    }

    /// Refreshes a claimed grant. A grant that is claimed for the first time is only scheduled, unless it is due now.
    async fn refresh_claimed(self, grant: StoredGrant, policy: RefreshPolicy) {
        let scheduled = match self.open_grant(&grant) {
            Ok(tokens) if needs_scheduling_only(&grant, &tokens, &policy) => {
                let now = self.now();
                let refresh_at = due_at(&tokens, now, &policy, self.new_jitter());
                if refresh_at.is_some_and(|due| due <= now) {
                    return drop(self.refresh_shared(grant).await);
                }
                self.store().run(Schedule { seen: grant, expires_at: tokens.expires_at, refresh_at }).await
            }
            Ok(_) => return drop(self.refresh_shared(grant).await), // a failure was logged already
            Err(UnsealError) => {
                tracing::error!(user.id = %grant.user_id, "the tokens of {} cannot be read", grant.user_id);
                let refresh_at = Some(after(self.now(), UNREADABLE_RETRY));
                self.store().run(Schedule { expires_at: grant.expires_at, seen: grant, refresh_at }).await
            }
        };
        if let Err(error) = scheduled {
            tracing::warn!(error = %Causes(&error), "could not schedule a refresh");
        }
    }
}

/// Whether the grant only has to be scheduled. Without a refresh token it lasts exactly as long as its access token.
fn needs_scheduling_only(grant: &StoredGrant, tokens: &Tokens, policy: &RefreshPolicy) -> bool {
    tokens.refresh_token.is_none()
        || (grant.expires_at.is_none() && !is_refreshed_for_refresh_token_only(tokens, policy))
}

unit!(ClaimGrants(provider: Provider, now: Timestamp, limit: u32) -> Vec<StoredGrant> = |tx| tx.claim_grants(provider, *now, after(*now, CLAIM_TTL), *limit));

impl ClaimGrants {
    fn new(provider: &Provider, now: Timestamp, limit: u32) -> Self {
        Self { provider: provider.clone(), now, limit }
    }
}

unit!(NextRefresh(provider: Provider) -> Option<Timestamp> = |tx| tx.next_refresh_at(provider));

unit!(Schedule(seen: StoredGrant, expires_at: Option<Timestamp>, refresh_at: Option<Timestamp>) -> bool = |tx| tx.schedule_refresh(seen, *expires_at, *refresh_at));
