//! A store for a runtime whose time stands still: whoever asks it waits without letting others on, and no time passes.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use async_trait::async_trait;
use terra_auth_core::store::{Engine, Job, Store, StoreError};
use terra_auth_store::Sqlite;

/// A store in memory.
#[derive(Clone)]
pub(crate) struct Prompt(Arc<Sqlite>);

impl Prompt {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Sqlite::in_memory().unwrap()))
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(self.clone())
    }
}

#[async_trait]
impl Engine for Prompt {
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

/// Runs a future to its end on this thread.
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
