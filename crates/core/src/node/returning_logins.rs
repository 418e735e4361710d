//! Limits the logins that return to this node.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use terra_auth_model::rate_limit::{Bucket, Quota};
use terra_auth_types::{DevId, Provider};
use tokio::sync::Semaphore;

/// How many codes one environment may exchange at one provider.
const EXCHANGE_QUOTA: Quota = Quota::per_second(20, 200);
/// How many requests may wait for the outcome of a login on this node.
const MAX_WAITING_RETURNS: usize = 64;

/// The limits of the logins that return to this node.
pub(crate) struct ReturningLogins {
    exchanges: Mutex<HashMap<(DevId, Provider), Bucket>>,
    pub(crate) waiting: Semaphore,
}

impl Default for ReturningLogins {
    fn default() -> Self {
        Self { exchanges: Mutex::default(), waiting: Semaphore::new(MAX_WAITING_RETURNS) }
    }
}

impl ReturningLogins {
    pub(crate) fn may_exchange(&self, dev_id: &DevId, provider: &Provider) -> bool {
        let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = exchanges.entry((dev_id.clone(), provider.clone())).or_default();
        bucket.take(1, EXCHANGE_QUOTA, Instant::now())
    }
}
