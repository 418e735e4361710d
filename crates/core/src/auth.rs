use std::sync::Arc;

use jiff::Timestamp;
use terra_auth_types::DeliveryId;
use tokio::sync::Notify;

use crate::{
    clock::{Clock, Entropy},
    seal::KeyRing,
    store::Store,
};

/// The authentication plane: every operation is a method of it.
#[derive(Clone)]
pub struct Auth(Arc<Parts>);

/// What the operations work with.
pub struct Parts {
    /// Remembers.
    pub store: Store,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Seals and marks.
    pub keys: KeyRing,
    /// Rung whenever something must be told to the world.
    pub outbox: Notify,
}

impl std::ops::Deref for Auth {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Auth {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn delivery_id(&self) -> DeliveryId {
        DeliveryId(self.entropy.id_at(self.now()))
    }
}
