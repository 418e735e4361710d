//! Notices of providers that end users took access back. They are never believed: the connections of the account fall due for
//! a refresh, and only what the provider itself answers to that changes them.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::Provider;

use crate::{
    auth::Auth,
    causes::Causes,
    provider::{Greeting, Notice},
    store::{StoreError, Tx, Unit},
};

/// Notices of one account count once in this time: a forger costs it one refresh.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Accounts in a second, on each node, and how many at once.
const PER_SECOND: f64 = 5.0;
const AT_ONCE: f64 = 200.0;

/// More accounts were named than this node looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many notices; try again in a minute")]
pub struct TooManyNotices;

/// The notices of this node.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Bucket>);

/// Full at first.
#[derive(Default)]
struct Bucket {
    spent: f64,
    at: Timestamp,
}

impl Bucket {
    fn take(&mut self, accounts: usize, now: Timestamp) -> Result<(), TooManyNotices> {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.at = now;
        self.spent = (self.spent - passed * PER_SECOND).max(0.0);
        let wanted = u32::try_from(accounts).map_or(f64::INFINITY, f64::from);
        if self.spent + wanted > AT_ONCE {
            return Err(TooManyNotices);
        }
        self.spent += wanted;
        Ok(())
    }
}

impl Auth {
    /// What a notice that was posted for a provider says; `None` if it sends none.
    #[must_use]
    pub fn read_notice(&self, slug: &str, body: &[u8]) -> Option<(Provider, Notice)> {
        let provider = self.provider_of(slug)?;
        let notice = self.providers.read_notice(&provider, body)?;
        Some((provider, notice))
    }

    /// What a provider is answered that asks whether its notices are wanted; `None` if it asks for nothing.
    #[must_use]
    pub fn greet(&self, slug: &str, query: &[(String, String)]) -> Option<Greeting> {
        self.providers.greet(&self.provider_of(slug)?, query)
    }

    /// Lets the connections of accounts fall due for a refresh, in every environment. It returns at once, and does the work
    /// afterwards: whoever asks cannot tell whether an account is known.
    ///
    /// # Errors
    ///
    /// [`TooManyNotices`].
    pub fn take_notice(&self, provider: &Provider, accounts: Vec<String>) -> Result<(), TooManyNotices> {
        if accounts.is_empty() {
            return Ok(());
        }
        let now = self.now();
        self.notices().0.lock().unwrap_or_else(PoisonError::into_inner).take(accounts.len(), now)?;
        let (auth, unit) = (self.clone(), Hasten { provider: provider.clone(), accounts, now });
        tokio::spawn(async move {
            if let Err(error) = auth.store.run(unit).await {
                tracing::warn!(error = %Causes(&error), "could not look after a provider's notice");
            }
        });
        Ok(())
    }

    fn provider_of(&self, slug: &str) -> Option<Provider> {
        self.providers.list().iter().map(|info| &info.provider).find(|provider| provider.slug() == slug).cloned()
    }
}

struct Hasten {
    provider: Provider,
    accounts: Vec<String>,
    now: Timestamp,
}

#[async_trait]
impl Unit for Hasten {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        let before = self.now.saturating_sub(AGAIN_AFTER).unwrap_or(Timestamp::MIN);
        for account in &self.accounts {
            tx.hasten_refresh(&self.provider, account, self.now, before).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Bucket, TooManyNotices};

    #[test]
    fn a_flood_of_notices_is_held_back_and_passes() {
        let (mut bucket, now) = (Bucket::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(bucket.take(201, now), Err(TooManyNotices));
        assert_eq!(bucket.take(150, now), Ok(()));
        assert_eq!(bucket.take(51, now), Err(TooManyNotices));
        assert_eq!(bucket.take(50, now), Ok(()));
        let later = now + SignedDuration::from_secs(1);
        assert_eq!((bucket.take(6, later), bucket.take(5, later)), (Err(TooManyNotices), Ok(())));
        assert_eq!(bucket.take(1, now), Err(TooManyNotices), "a clock that goes back gives nothing");
    }
}
