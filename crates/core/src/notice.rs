//! Notices of providers that end users took access back. They are never believed: the connections of the account fall due for
//! a refresh, and only what the provider itself answers to that changes them.
//!
//! Anybody can post a notice. A forged one costs a look into the store: only accounts that are known here count against the
//! budget, which each peer has for itself at each provider. So forged notices never shut out genuine ones.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::Provider;

use crate::{
    auth::Auth,
    bucket::{Bucket, Rate},
    causes::Causes,
    log_limit::LogLimit,
    provider::{Greeting, Notice},
    store::{StoreError, Tx, Unit},
};

/// Notices of one account count once in this time: a forger costs it one refresh.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How many known accounts one peer may have refreshed at one provider, by each node.
const REFRESHES: Rate = Rate { per_second: 5.0, at_once: 200.0 };
/// Accounts that wait to be looked up on this node.
const MAX_WAITING: usize = 8192;
/// The same of one peer at one provider.
const MAX_WAITING_OF_PEER: usize = 2048;
/// Peers whose budgets are remembered.
const MAX_PEERS: usize = 1024;
/// No provider names an account with more bytes.
const MAX_ACCOUNT_BYTES: usize = 512;

/// Anybody can cause the line.
static NOT_LOOKED_UP: LogLimit = LogLimit::every(Duration::from_secs(10));

/// More accounts were named than this node looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many notices; try again in a minute")]
pub struct TooManyNotices;

/// The notices of this node.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Budgets>);

#[derive(Default)]
struct Budgets {
    waiting: usize,
    peers: HashMap<Key, Budget>,
}

/// A provider, and the network that posts in its name.
type Key = (Provider, Option<IpAddr>);

#[derive(Default)]
struct Budget {
    refreshes: Bucket,
    waiting: usize,
}

impl Budgets {
    /// Admits accounts to be looked up.
    fn begin(&mut self, key: &Key, accounts: usize, now: Instant) -> Result<(), TooManyNotices> {
        if self.waiting + accounts > MAX_WAITING || !self.has_place(key, now) {
            return Err(TooManyNotices);
        }
        let budget = self.peers.entry(key.clone()).or_default();
        if budget.waiting + accounts > MAX_WAITING_OF_PEER || !budget.refreshes.has_room(REFRESHES, now) {
            return Err(TooManyNotices);
        }
        budget.waiting += accounts;
        self.waiting += accounts;
        Ok(())
    }

    /// They were looked up, and so many of them are known.
    fn end(&mut self, key: &Key, accounts: usize, known: usize, now: Instant) {
        self.waiting -= accounts;
        if let Some(budget) = self.peers.get_mut(key) {
            budget.waiting -= accounts;
            budget.refreshes.charge(known, REFRESHES, now);
        }
    }

    /// Whether the peer is remembered or can be. A budget that nothing was taken from is forgotten first.
    fn has_place(&mut self, key: &Key, now: Instant) -> bool {
        if self.peers.len() < MAX_PEERS || self.peers.contains_key(key) {
            return true;
        }
        self.peers.retain(|_, budget| budget.waiting > 0 || !budget.refreshes.is_full(REFRESHES, now));
        self.peers.len() < MAX_PEERS
    }
}

/// The network of a peer: who has one IPv6 address has 2^64 of them.
fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or_else(|| IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()), IpAddr::V4),
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
    /// afterwards: the peer cannot tell whether an account is known.
    ///
    /// # Errors
    ///
    /// [`TooManyNotices`].
    pub fn take_notice(
        &self,
        provider: &Provider,
        peer: Option<IpAddr>,
        mut accounts: Vec<String>,
    ) -> Result<(), TooManyNotices> {
        accounts.retain(|account| account.len() <= MAX_ACCOUNT_BYTES);
        accounts.sort_unstable();
        accounts.dedup();
        if accounts.is_empty() {
            return Ok(());
        }
        let (key, count) = ((provider.clone(), peer.map(network)), accounts.len());
        self.notices().with(|budgets| budgets.begin(&key, count, Instant::now()))?;
        let (auth, unit) = (self.clone(), Hasten { provider: provider.clone(), accounts, now: self.now() });
        tokio::spawn(async move {
            let hastened = auth.store.run(unit).await;
            let known = hastened.as_ref().map_or(0, |known| *known);
            auth.notices().with(|budgets| budgets.end(&key, count, known, Instant::now()));
            if let Err(error) = hastened
                && let Some(left_out) = NOT_LOOKED_UP.admit(Instant::now())
            {
                tracing::warn!(error = %Causes(&error), left_out, "could not look after a provider's notice");
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
    type Done = usize;
    type Refusal = StoreError;

    /// Answers how many of the accounts are known here and fall due.
    async fn run(&self, tx: &mut dyn Tx) -> Result<usize, StoreError> {
        let before = self.now.saturating_sub(AGAIN_AFTER).unwrap_or(Timestamp::MIN);
        let mut known = 0;
        for account in &self.accounts {
            known += usize::from(tx.hasten_refresh(&self.provider, account, self.now, before).await? > 0);
        }
        Ok(known)
    }
}

impl Notices {
    fn with<T>(&self, work: impl FnOnce(&mut Budgets) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        time::{Duration, Instant},
    };

    use super::{Budgets, Key, MAX_PEERS, MAX_WAITING_OF_PEER, TooManyNotices, network};

    fn key(peer: u32) -> Key {
        ("STRAVA".parse().unwrap(), Some(IpAddr::V4(peer.into())))
    }

    #[test]
    fn accounts_that_nobody_has_cost_nothing() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        for _ in 0..1000 {
            budgets.begin(&key(1), 100, now).unwrap();
            budgets.end(&key(1), 100, 0, now);
        }
        assert_eq!(budgets.waiting, 0);
    }

    #[test]
    fn known_accounts_are_charged_to_their_peer_alone() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        budgets.begin(&key(1), 300, now).unwrap();
        budgets.end(&key(1), 300, 300, now);
        assert_eq!(budgets.begin(&key(1), 1, now), Err(TooManyNotices));
        assert_eq!(budgets.begin(&key(2), 1, now), Ok(()));
        assert_eq!(budgets.begin(&("FITBIT".parse().unwrap(), key(1).1), 1, now), Ok(()));
        assert_eq!(budgets.begin(&key(1), 1, now + Duration::from_secs(21)), Ok(()), "five a second come back");
    }

    #[test]
    fn what_waits_and_who_is_remembered_have_bounds() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        assert_eq!(budgets.begin(&key(1), MAX_WAITING_OF_PEER + 1, now), Err(TooManyNotices));
        for peer in 0..10_000 {
            budgets.begin(&key(peer), 1, now).unwrap();
            budgets.end(&key(peer), 1, 0, now);
        }
        assert!(budgets.peers.len() <= MAX_PEERS);
        for peer in 0..20_000 {
            if budgets.begin(&key(peer), 1, now).is_ok() {
                budgets.end(&key(peer), 1, 1, now);
            }
        }
        assert!(budgets.peers.len() <= MAX_PEERS);
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_peer() {
        let [one, other]: [IpAddr; 2] = ["2001:db8::1", "2001:db8::ffff:2"].map(|text| text.parse().unwrap());
        assert_eq!(network(one), network(other));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
