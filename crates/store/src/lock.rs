//! Locks that are not rows.

use async_trait::async_trait;
use terra_auth_model::{
    lock::{Lock, Locks},
    store_error::StoreError,
};

use crate::engine::{Database, LockMode, Queries};

#[async_trait]
impl<D: Database> Locks for Queries<D> {
    async fn lock(&mut self, lock: Lock<'_>) -> Result<(), StoreError> {
        self.take_lock(lock.key(), LockMode::Exclusive).await
    }
}
