//! Webhooks as they came, and what follows from them: what is forwarded to the app, and which connections are known.

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

/// Webhooks as they came, and what follows from them: every operation is a method of it. Cloning is cheap.
#[derive(Clone)]
pub struct Inbox(Arc<Inner>);

struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Rung whenever something is to be forwarded.
    arrived: Notify,
}

impl Inbox {
    /// An inbox over a store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self(Arc::new(Inner { store, clock, entropy, arrived: Notify::new() }))
    }

    /// Whether the next write is likely to succeed, see [`Store::health`].
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.0.store.health().await
    }

    /// The present instant, in whole milliseconds, as the stores keep it.
    fn now(&self) -> Timestamp {
        whole_ms(self.0.clock.now())
    }
}

pub(crate) fn whole_ms(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}

/// Text from outside as it may be kept and shown: without unsafe characters, and at most `max` bytes of it.
pub(crate) fn text(text: &str, max: usize) -> String {
    let mut kept: String = text.chars().filter(|letter| !is_unsafe(*letter)).take(max).collect();
    kept.truncate(kept.floor_char_boundary(max));
    kept
}
