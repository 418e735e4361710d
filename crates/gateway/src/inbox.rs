//! The inbox: received webhooks, their forwarding to the app, and the connections known from them.

mod connection_update;
mod connections;
mod consequence;
mod difference;
mod forward;
mod receive;

use std::sync::Arc;

use jiff::Timestamp;
use terra_auth_model::{
    clock::{Clock, Entropy},
    store::Store,
    store_error::StoreError,
    text::is_unsafe,
};
use tokio::sync::Notify;

pub use crate::inbox::{
    connections::MAX_CONNECTIONS,
    difference::ReconcileItem,
    forward::MAX_EVENTS,
    receive::{Outcome, Receipt, Received},
};

/// Received webhooks, their forwarding, and the connections known from them. Every operation is a
/// method. Cloning is cheap.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Notified when an event is ready to be forwarded.
    arrived: Notify,
}

impl Inbox {
    /// Creates an inbox on a store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self(Arc::new(Inner { store, clock, entropy, arrived: Notify::new() }))
    }

    /// Whether the next write is likely to succeed, see [`Store::health`].
    ///
    /// # Errors
    ///
    /// The reason why it is not.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.0.store.health().await
    }

    /// The current time in whole milliseconds, the precision of the stores.
    fn now(&self) -> Timestamp {
        whole_ms(self.0.clock.now())
    }
}

pub(crate) fn whole_ms(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}

/// Sanitizes text from outside for storage and display: removes unsafe characters and truncates it
/// to `max` bytes.
pub(crate) fn text(text: &str, max: usize) -> String {
    let mut kept: String = text.chars().filter(|letter| !is_unsafe(*letter)).take(max).collect();
    kept.truncate(kept.floor_char_boundary(max));
    kept
}
