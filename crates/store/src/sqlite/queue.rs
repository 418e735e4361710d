//! From those who ask to the threads that work.

use std::sync::{Arc, Mutex, PoisonError};

use terra_auth_model::{store::Job, store_error::StoreError};
use tokio::sync::{
    mpsc::{self, error::SendTimeoutError},
    oneshot,
};

use super::health::Probe;
use crate::engine::{Access, LOCK_TIMEOUT};

/// How many may wait in the queue; the next ones wait for a place in it.
const MAX_QUEUED: usize = 1024;

/// One job, and who wants to know how it went.
pub(super) struct Call {
    pub(super) job: Box<dyn Job>,
    pub(super) access: Access,
    /// Whether something is to be written for its own sake, see [`Probe`].
    pub(super) is_probe: bool,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl Call {
    pub(super) fn new(job: Box<dyn Job>, access: Access) -> (Self, oneshot::Receiver<Result<(), StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Self { job, access, is_probe: false, reply }, answer)
    }

    /// Answers; a caller who hung up does not mind.
    pub(super) fn answer(self, outcome: Result<(), StoreError>) {
        let Self { job, reply, .. } = self;
        drop(job); // it may hold the store itself, which the caller closes, not the thread that must end then
        drop(reply.send(outcome));
    }
}

/// Where calls are put. Once all of these are gone, the threads end.
#[derive(Clone)]
pub(super) struct Queue(mpsc::Sender<Call>);

/// Where calls are taken from, by any number of threads.
#[derive(Clone)]
pub(super) struct Calls(Arc<Mutex<mpsc::Receiver<Call>>>);

impl Queue {
    pub(super) fn new() -> (Self, Calls) {
        let (queue, calls) = mpsc::channel(MAX_QUEUED);
        (Self(queue), Calls(Arc::new(Mutex::new(calls))))
    }

    /// Has a job run. Once it is in the queue it runs, even if no caller waits for the answer.
    pub(super) async fn call(&self, job: Box<dyn Job>, access: Access) -> Result<(), StoreError> {
        let (call, answer) = Call::new(job, access);
        self.send(call, answer).await
    }

    /// Has something written, whatever it is.
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
    /// Waits for calls and takes up to `limit` of them; none are left for ever when it takes none.
    pub(super) fn take(&self, limit: usize) -> Vec<Call> {
        let mut taken = Vec::new();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv_many(&mut taken, limit);
        taken
    }
}
