//! A store that fails after a number of jobs.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use terra_auth_model::{
    store::{Engine, Job, Store},
    store_error::StoreError,
};
use terra_auth_store::Sqlite;

/// A store that fails after some jobs. The last job is committed, but its caller gets an error.
struct FailingStore {
    engine: Arc<Sqlite>,
    left: AtomicU32,
}

pub(crate) fn dying(engine: &Arc<Sqlite>, after: u32) -> Store {
    Store::new(FailingStore { engine: Arc::clone(engine), left: AtomicU32::new(after) })
}

impl FailingStore {
    /// Whether the job may run, and whether its caller gets the result.
    fn next(&self) -> (bool, bool) {
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        (before.is_ok(), before.is_ok_and(|before| before > 1))
    }
}

#[async_trait]
impl Engine for FailingStore {
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

/// The same engine without failures.
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
