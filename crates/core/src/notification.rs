//! Handles notifications in which a provider says that end users revoked access. A notification is never
//! trusted: it only makes the account's connections due for a refresh, and the provider's response to the
//! refresh decides.
//!
//! Notifications are not authenticated. A forged one costs one database query: only accounts that exist here
//! count against the budget, and each peer has its own budget at each provider. Forged notifications therefore
//! never block genuine ones.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    causes::Causes,
    provider::{ProviderNotification, SubscriptionChallenge},
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{Provider, log_limit::LogLimit};

use crate::{
    auth::Auth,
    node::notification_budget::{MAX_ACCOUNT_BYTES, MIN_REPEAT_INTERVAL, TooManyNotifications, network},
};

/// Unauthenticated callers can trigger this log line.
static LOOKUP_FAILURE_LOG: LogLimit = LogLimit::every(Duration::from_secs(10));

impl Auth {
    /// Parses a notification that was posted for a provider; `None` if the provider sends none.
    #[must_use]
    pub fn read_notification(&self, slug: &str, body: &[u8]) -> Option<(Provider, ProviderNotification)> {
        let provider = self.provider_of(slug)?;
        let notice = self.providers().read_notification(&provider, body)?;
        Some((provider, notice))
    }

    /// Answers a provider that verifies the notification endpoint; `None` if the request is something else.
    #[must_use]
    pub fn answer_challenge(&self, slug: &str, query: &[(String, String)]) -> Option<SubscriptionChallenge> {
        self.providers().answer_challenge(&self.provider_of(slug)?, query)
    }

    /// Makes the connections of accounts due for a refresh, in every environment. Returns at once and does the
    /// work in the background, so the peer cannot find out whether an account exists.
    ///
    /// # Errors
    ///
    /// [`TooManyNotifications`].
    pub fn handle_notification(
        &self,
        provider: &Provider,
        peer: Option<IpAddr>,
        mut accounts: Vec<String>,
    ) -> Result<(), TooManyNotifications> {
        accounts.retain(|account| account.len() <= MAX_ACCOUNT_BYTES);
        accounts.sort_unstable();
        accounts.dedup();
        if accounts.is_empty() {
            return Ok(());
        }
        let (key, count) = ((provider.clone(), peer.map(network)), accounts.len());
        self.notices().with(|budgets| budgets.reserve(&key, count, Instant::now()))?;
        let (auth, unit) = (self.clone(), MakeRefreshDue { provider: provider.clone(), accounts, now: self.now() });
        tokio::spawn(async move {
            let hastened = auth.store().run(unit).await;
            let known = hastened.as_ref().map_or(0, |known| *known);
            auth.notices().with(|budgets| budgets.release(&key, count, known, Instant::now()));
            if let Err(error) = hastened
                && let Some(left_out) = LOOKUP_FAILURE_LOG.admit(Instant::now())
            {
                tracing::warn!(error = %Causes(&error), left_out, "could not process a provider's notification");
            }
        });
        Ok(())
    }

    fn provider_of(&self, slug: &str) -> Option<Provider> {
        self.providers().list().iter().map(|info| &info.provider).find(|provider| provider.slug() == slug).cloned()
    }
}

struct MakeRefreshDue {
    provider: Provider,
    accounts: Vec<String>,
    now: Timestamp,
}

#[async_trait]
impl Unit for MakeRefreshDue {
    type Done = usize;
    type Error = StoreError;

    /// Returns how many of the accounts exist here and became due.
    async fn run(&self, tx: &mut dyn Tx) -> Result<usize, StoreError> {
        let before = self.now.saturating_sub(MIN_REPEAT_INTERVAL).unwrap_or(Timestamp::MIN);
        let mut known = 0;
        for account in &self.accounts {
            known += usize::from(tx.make_refresh_due(&self.provider, account, self.now, before).await? > 0);
        }
        Ok(known)
    }
}
