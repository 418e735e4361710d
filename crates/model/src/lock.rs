//! Locks for resources that have no row of their own. A unit of work takes them, and they are released when it ends.
//!
//! A unit takes its locks in this order, which rules out deadlocks:
//!
//! 1. [`Lock::Provisioning`].
//! 2. The rows that make an action happen at most once, such as a spent token.
//! 3. The environment: shared for a unit that connects an account ([`Developers::lock_developer_shared`]), exclusive
//!    for an administrative action ([`Developers::lock_developer`], which also locks the row).
//! 4. The row of the widget session.
//! 5. [`Lock::Account`] or [`Lock::EndUser`]: of two units that may replace the same connection, the second waits.
//! 6. [`Lock::UserLimit`], only in an environment with a user limit and only for a new user: it makes the count exact.
//! 7. Rows of connections and their grants, then the end of the audit log.
//!
//! Counting connections needs no lock. A node that stops in the middle of a unit therefore delays only the
//! account that it works on, until the database ends the transaction after 5 s. In an environment with a user
//! limit it also delays new users.
//!
//! [`Developers::lock_developer_shared`]: crate::developer::Developers::lock_developer_shared
//! [`Developers::lock_developer`]: crate::developer::Developers::lock_developer

use async_trait::async_trait;
use terra_auth_types::{DevId, Provider, ReferenceId};

use crate::{digest::sha256, store_error::StoreError};

/// The resource to lock.
#[derive(Clone, Copy, Debug)]
pub enum Lock<'a> {
    /// The first start: the first environment of a kind, the first admin token.
    Provisioning,
    /// An environment.
    Environment(&'a DevId),
    /// The connections of one account, independent of the end user who connects it.
    Account(&'a DevId, &'a Provider, &'a str),
    /// The connections that one end user of the app has at a provider.
    EndUser(&'a DevId, &'a Provider, &'a ReferenceId),
    /// The number of users of an environment, compared with its limit.
    UserLimit(&'a DevId),
}

impl Lock<'_> {
    /// The key of the lock in the database: 64 bits of a digest. Two locks with the same key only wait for each other
    /// unnecessarily.
    #[must_use]
    pub fn key(self) -> i64 {
        let parts: [&str; 4] = match &self {
            Self::Provisioning => ["provisioning", "", "", ""],
            Self::Environment(dev_id) => ["environment", dev_id.as_str(), "", ""],
            Self::Account(dev_id, provider, account) => ["account", dev_id.as_str(), provider.as_str(), account],
            Self::EndUser(dev_id, provider, reference_id) => {
                ["end user", dev_id.as_str(), provider.as_str(), reference_id.as_str()]
            }
            Self::UserLimit(dev_id) => ["room", dev_id.as_str(), "", ""],
        };
        let mut key = [0; 8];
        key.copy_from_slice(&sha256(parts.join("\0").as_bytes())[..8]);
        i64::from_be_bytes(key)
    }
}

/// The verb for locks. A database with a single writer does nothing.
#[async_trait]
pub trait Locks: Send {
    /// Waits for a lock and takes it until this unit ends.
    async fn lock(&mut self, lock: Lock<'_>) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::Lock;

    #[test]
    fn each_lock_has_a_key_of_its_own() {
        let (dev_id, provider) = ("acme".parse().unwrap(), "FITBIT".parse().unwrap());
        let reference_id = "a".parse().unwrap();
        let locks = [
            Lock::Provisioning,
            Lock::Environment(&dev_id),
            Lock::Account(&dev_id, &provider, "a"),
            Lock::Account(&dev_id, &provider, "b"),
            Lock::EndUser(&dev_id, &provider, &reference_id),
            Lock::UserLimit(&dev_id),
        ];
        let keys: std::collections::HashSet<_> = locks.iter().map(|lock| lock.key()).collect();
        assert_eq!(keys.len(), locks.len());
    }
}
