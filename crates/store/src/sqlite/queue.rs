//! The queue between callers and the threads that run jobs.

use std::sync::{Arc, Mutex, PoisonError};

use terra_auth_model::{store::Job, store_error::StoreError};
use tokio::sync::{
    mpsc::{self, error::SendTimeoutError},
    oneshot,
};

use super::health::Probe;
use crate::engine::{Access, LOCK_TIMEOUT};

/// The capacity of the queue. Further callers wait until there is space.
const MAX_QUEUED: usize = 1024;

/// One job, and the channel for its result.
pub(super) struct Call {
    pub(super) job: Box<dyn Job>,
    pub(super) access: Access,
    /// Whether it is a [`Probe`].
    pub(super) is_probe: bool,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Call {
    pub(super) fn new(job: Box<dyn Job>, access: Access) -> (Self, oneshot::Receiver<Result<(), StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { job, access, is_probe: false, reply }, answer)
    }

    /// Sends the result; a cancelled call ignores it.
    pub(super) fn answer(self, outcome: Result<(), StoreError>) {
        let Self { job, reply, .. } = self;
        drop(job); // it may own the store, which the caller must close, because this thread must then end
        drop(reply.send(outcome));
    }
}

/// The sending end. When all of them are dropped, the threads end.
#[derive(Clone)]
pub(super) struct Queue(mpsc::Sender<Call>);

/// The receiving end, for any number of threads.
#[derive(Clone)]
pub(super) struct Calls(Arc<Mutex<mpsc::Receiver<Call>>>);

impl Queue {
    pub(super) fn new() -> (Self, Calls) {
        let (queue, calls) = mpsc::channel(MAX_QUEUED);
        (Self(queue), Calls(Arc::new(Mutex::new(calls))))
    }

    /// Runs a job. Once it is in the queue, it runs even if the call is cancelled.
    pub(super) async fn call(&self, job: Box<dyn Job>, access: Access) -> Result<(), StoreError> {
        let (call, answer) = Call::new(job, access);
        self.send(call, answer).await
    }

    /// Runs a [`Probe`].
    pub(super) async fn probe(&self) -> Result<(), StoreError> {
        let (call, answer) = Call::new(Box::new(Probe), Access::Write);
        self.send(Call { is_probe: true, ..call }, answer).await
    }

    async fn send(&self, call: Call, answer: oneshot::Receiver<Result<(), StoreError>>) -> Result<(), StoreError> {
        self.0.send_timeout(call, LOCK_TIMEOUT).await.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => StoreError::Busy,
            SendTimeoutError::Closed(_) => StoreError::Closed,
        })?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Calls {
    /// Waits for calls and takes up to `limit` of them. An empty result means that there will be no more.
    pub(super) fn take(&self, limit: usize) -> Vec<Call> {
        let mut taken = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv_many(&mut taken, limit);
        taken
    }
}
