use std::{
    collections::VecDeque,
    sync::{Arc, Mutex as Lock},
};

use async_trait::async_trait;
use terra_auth_model::{
    store::{Engine, Job, Store, Tx, Unit},
    store_error::StoreError,
};
use tokio::sync::Mutex;

/// The result of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The write succeeds.
    None,
    /// The write fails, and nothing is changed.
    Refused,
    /// The write succeeds, and its response is lost.
    AnswerLost,
}

/// Injects failures into the writes of a store.
#[derive(Clone, Debug, Default)]
pub struct WriteFaults(Arc<Lock<VecDeque<WriteFault>>>);

impl WriteFaults {
    /// Wraps a store, which then fails as planned.
    #[must_use]
    pub fn of(store: Store) -> (Store, Self) {
        let faults = Self::default();
        (Store::new(Faulty { store, faults: faults.clone() }), faults)
    }

    /// The results of the next writes; later ones succeed.
    pub fn plan(&self, faults: &[WriteFault]) {
        *self.0.lock().unwrap() = faults.iter().copied().collect();
    }

    fn next(&self) -> WriteFault {
        self.0.lock().unwrap().pop_front().unwrap_or(WriteFault::None)
    }
}

struct Faulty {
    store: Store,
    faults: WriteFaults,
}

#[async_trait]
impl Engine for Faulty {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        match self.faults.next() {
            WriteFault::None => outcome(self.store.run(Wrapped(Mutex::new(job))).await),
            WriteFault::Refused => Err(StoreError::Unavailable("a planned fault".into())),
            WriteFault::AnswerLost => {
                outcome(self.store.run(Wrapped(Mutex::new(job))).await)?;
                Err(StoreError::UnknownOutcome("a planned fault".into()))
            }
        }
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        outcome(self.store.read(Wrapped(Mutex::new(job))).await)
    }

    fn is_exclusive(&self) -> bool {
        self.store.is_exclusive()
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.store.health().await
    }
}

fn outcome(ran: Result<(), RolledBack>) -> Result<(), StoreError> {
    match ran {
        Ok(()) | Err(RolledBack::ByItself) => Ok(()),
        Err(RolledBack::Store(error)) => Err(error),
    }
}

/// A job as a unit of work.
struct Wrapped(Mutex<Box<dyn Job>>);

enum RolledBack {
    ByItself,
    Store(StoreError),
}

impl From<StoreError> for RolledBack {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

#[async_trait]
impl Unit for Wrapped {
    type Done = ();
    type Error = RolledBack;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), RolledBack> {
        if self.0.lock().await.run(tx).await { Ok(()) } else { Err(RolledBack::ByItself) }
    }
}
