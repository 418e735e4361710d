//! A store for a runtime with paused time: a caller blocks the thread while it waits, so no time passes.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use async_trait::async_trait;
use terra_auth_model::{
    store::{Engine, Job, Store},
    store_error::StoreError,
};
use terra_auth_store::Sqlite;

/// An in-memory store.
#[derive(Clone)]
pub(crate) struct BlockingStore(Arc<Sqlite>);

impl BlockingStore {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Sqlite::in_memory().unwrap()))
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.clone())
    }
}

#[async_trait]
impl Engine for BlockingStore {
    async fn write(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        finish(self.0.write(job))
    }

    async fn read(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        finish(self.0.read(job))
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future to completion on this thread.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
    }
}
