//! A store that ends in the middle of something.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use terra_auth_core::store::{Engine, Job, Store, StoreError};
use terra_auth_store::Sqlite;

/// Gives up after some jobs: the last one of them is done, and nobody is told so.
struct Dying {
    engine: Arc<Sqlite>,
    left: AtomicU32,
}

pub(crate) fn dying(engine: &Arc<Sqlite>, after: u32) -> Store {
    Store::new(Dying { engine: Arc::clone(engine), left: AtomicU32::new(after) })
}

impl Dying {
    /// Whether the job may run, and whether its caller is told.
    fn next(&self) -> (bool, bool) {
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        (before.is_ok(), before.is_ok_and(|before| before > 1))
    }
}

#[async_trait]
impl Engine for Dying {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let (runs, tells) = self.next();
        if runs {
            self.engine.write(job).await?;
        }
        if tells { Ok(()) } else { Err(StoreError::Closed) }
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let (runs, _) = self.next();
        if runs { self.engine.read(job).await } else { Err(StoreError::Closed) }
    }
}

/// The same engine, in good health.
pub(crate) struct Healthy(pub(crate) Arc<Sqlite>);

#[async_trait]
impl Engine for Healthy {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.0.write(job).await
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.0.read(job).await
    }
}
