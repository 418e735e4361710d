//! Limits the refreshes that unauthenticated notifications can cause.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use jiff::SignedDuration;
use terra_auth_model::rate_limit::{Bucket, Quota};
use terra_auth_types::Provider;

/// Repeated notifications about an account are ignored for this long: a forger causes one refresh of it.
pub(crate) const MIN_REPEAT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
/// How many existing accounts one peer may make due at one provider, on each node.
const REFRESH_QUOTA: Quota = Quota::per_second(5, 200);
/// The maximum number of accounts that wait for their lookup on this node.
const MAX_WAITING: usize = 8192;
/// The maximum number of waiting accounts of one peer at one provider.
const MAX_WAITING_OF_PEER: usize = 2048;
/// The maximum number of peers with a budget.
const MAX_PEERS: usize = 1024;
/// The longest account id that is accepted; no provider has a longer one.
pub(crate) const MAX_ACCOUNT_BYTES: usize = 512;

/// A notification names more accounts than this node can look up now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many notifications; try again in a minute")]
pub struct TooManyNotifications;

/// The notification budgets of this node.
#[derive(Default)]
pub(crate) struct NotificationBudgets(Mutex<Budgets>);

#[derive(Default)]
pub(crate) struct Budgets {
    waiting: usize,
    peers: HashMap<Key, Budget>,
}

/// A provider and the network of the peer that posts.
type Key = (Provider, Option<IpAddr>);

#[derive(Default)]
struct Budget {
    refreshes: Bucket,
    waiting: usize,
}

impl Budgets {
    /// Reserves lookups for a number of accounts.
    pub(crate) fn reserve(&mut self, key: &Key, accounts: usize, now: Instant) -> Result<(), TooManyNotifications> {
        if self.waiting + accounts > MAX_WAITING || !self.has_capacity_for(key, now) {
            return Err(TooManyNotifications);
        }
        let budget = self.peers.entry(key.clone()).or_default();
        if budget.waiting + accounts > MAX_WAITING_OF_PEER || !budget.refreshes.has_room(REFRESH_QUOTA, now) {
            return Err(TooManyNotifications);
        }
        budget.waiting += accounts;
        self.waiting += accounts;
        Ok(())
    }

    /// Ends the lookup of accounts, and charges the peer for the `known` ones.
    pub(crate) fn release(&mut self, key: &Key, accounts: usize, known: usize, now: Instant) {
        self.waiting -= accounts;
        if let Some(budget) = self.peers.get_mut(key) {
            budget.waiting -= accounts;
            budget.refreshes.charge(known, REFRESH_QUOTA, now);
        }
    }

    /// Whether the peer has a budget or can get one. Removes unused budgets if the table is full.
    fn has_capacity_for(&mut self, key: &Key, now: Instant) -> bool {
        if self.peers.len() < MAX_PEERS || self.peers.contains_key(key) {
            return true;
        }
        self.peers.retain(|_, budget| budget.waiting > 0 || !budget.refreshes.is_full(REFRESH_QUOTA, now));
        self.peers.len() < MAX_PEERS
    }
}

/// The network of a peer. One owner of IPv6 addresses typically has 2^64 of them, so the network counts as the peer.
pub(crate) fn network(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => address
            .to_ipv4_mapped()
            .map_or_else(|| IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()), IpAddr::V4),
    }
}

impl NotificationBudgets {
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Budgets) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        time::{Duration, Instant},
    };

    use super::{Budgets, Key, MAX_PEERS, MAX_WAITING_OF_PEER, TooManyNotifications, network};

    fn key(peer: u32) -> Key {
        ("STRAVA".parse().unwrap(), Some(IpAddr::V4(peer.into())))
    }

    #[test]
    fn unknown_accounts_cost_nothing() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        for _ in 0..1000 {
            budgets.reserve(&key(1), 100, now).unwrap();
            budgets.release(&key(1), 100, 0, now);
        }
        assert_eq!(budgets.waiting, 0);
    }

    #[test]
    fn known_accounts_are_charged_to_their_peer_alone() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        budgets.reserve(&key(1), 300, now).unwrap();
        budgets.release(&key(1), 300, 300, now);
        assert_eq!(budgets.reserve(&key(1), 1, now), Err(TooManyNotifications));
        assert_eq!(budgets.reserve(&key(2), 1, now), Ok(()));
        assert_eq!(budgets.reserve(&("FITBIT".parse().unwrap(), key(1).1), 1, now), Ok(()));
        assert_eq!(
            budgets.reserve(&key(1), 1, now + Duration::from_secs(21)),
            Ok(()),
            "the budget refills by five a second"
        );
    }

    #[test]
    fn waiting_accounts_and_remembered_peers_are_bounded() {
        let (mut budgets, now) = (Budgets::default(), Instant::now());
        assert_eq!(budgets.reserve(&key(1), MAX_WAITING_OF_PEER + 1, now), Err(TooManyNotifications));
        for peer in 0..10_000 {
            budgets.reserve(&key(peer), 1, now).unwrap();
            budgets.release(&key(peer), 1, 0, now);
        }
        assert!(budgets.peers.len() <= MAX_PEERS);
        for peer in 0..20_000 {
            if budgets.reserve(&key(peer), 1, now).is_ok() {
                budgets.release(&key(peer), 1, 1, now);
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
