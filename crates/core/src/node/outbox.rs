//! Wakes the workers of this process.

use tokio::sync::Notify;

/// Wakes the workers of this process when work arrives.
#[derive(Debug, Default)]
pub struct Outbox {
    /// Notified when a delivery may be due.
    pub deliveries: Notify,
    /// Notified when a revocation may be due.
    pub revocations: Notify,
}

impl Outbox {
    /// Wakes the workers of both kinds.
    pub fn notify_one(&self) {
        self.deliveries.notify_one();
        self.revocations.notify_one();
    }
}
