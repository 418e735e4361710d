//! Gauges that are measured on each scrape.

use metrics::gauge;
use terra_auth_model::{received_event::ForwardCounts, store_error::StoreError};

use crate::{
    gateway::Gateway,
    metrics::{BREAKER_OPEN, EVENTS_DEAD, EVENTS_WAITING},
};

impl Gateway {
    /// Updates the gauges; call it before each scrape.
    ///
    /// # Errors
    ///
    /// The store failed; the gauges that do not need it are updated.
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and 2^53 events are enough")]
    pub async fn measure(&self) -> Result<(), StoreError> {
        gauge!(BREAKER_OPEN).set(f64::from(u8::from(self.live().breaker.is_open())));
        let ForwardCounts { waiting, dead } = self.inbox().counts().await?;
        gauge!(EVENTS_WAITING).set(waiting as f64);
        gauge!(EVENTS_DEAD).set(dead as f64);
        Ok(())
    }
}
