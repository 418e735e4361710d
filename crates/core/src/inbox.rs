//! Webhooks as they came, and what follows from them: what is forwarded to the app, and which connections are known.

mod connections;
mod consequence;
mod difference;
mod forward;
mod receive;
mod received_event;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Notify;

pub use self::{
    connections::MAX_CONNECTIONS,
    difference::Difference,
    forward::MAX_EVENTS,
    receive::{Receipt, Received},
    received_event::{EventFilter, ForwardCounts, ForwardState, NewEvent, ReceivedEvent, ReceivedEvents},
};
use crate::{
    clock::{Clock, Entropy},
    store::{Store, StoreError},
    text::is_unsafe,
};

/// Webhooks as they came, and what follows from them: every operation is a method of it. Cloning is cheap.
#[derive(Clone)]
pub struct Inbox(Arc<Parts>);

struct Parts {
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
        Self(Arc::new(Parts { store, clock, entropy, arrived: Notify::new() }))
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

/// Names a unit of work that is a single verb.
macro_rules! unit {
    ($name:ident($($field:ident: $type:ty),*) -> $done:ty = |$tx:ident| $call:expr) => {
        struct $name {
            $($field: $type),*
        }

        #[async_trait::async_trait]
        impl $crate::store::Unit for $name {
            type Done = $done;
            type Refusal = $crate::store::StoreError;

            async fn run(&self, $tx: &mut dyn $crate::store::Tx) -> Result<$done, $crate::store::StoreError> {
                let Self { $($field),* } = self;
                $call.await
            }
        }
    };
}
use unit;
