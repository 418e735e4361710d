use std::{io, num::NonZeroUsize, sync::Arc, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The threads that serve connections. Cloning is cheap; all clones share the threads.
///
/// Each thread has its own runtime. A connection stays on one thread with all its work, so no other thread is woken for it.
/// The threads, and the work on them, end with the last clone.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[Worker]>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// The number of its connections, plus one.
    connections: Arc<()>,
    _ends_when_dropped: Option<oneshot::Sender<()>>,
}

impl Workers {
    /// Uses the current runtime with its threads.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self(Arc::new([Worker { runtime: Handle::current(), connections: Arc::default(), _ends_when_dropped: None }]))
    }

    /// Starts this number of threads.
    ///
    /// # Errors
    ///
    /// The system has no thread or descriptor left.
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let workers: Vec<_> = (0..threads.get()).map(|_| Worker::start()).collect::<io::Result<_>>()?;
        Ok(Self(workers.into()))
    }

    /// Runs `work` on the thread with the fewest connections.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Some(worker) = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.connections)) else { return };
        let connection = Arc::clone(&worker.connections);
        worker.runtime.spawn(async move {
            work.await;
            drop(connection);
        });
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (ends_when_dropped, end) = oneshot::channel();
        thread::Builder::new().name("connections".to_owned()).spawn(move || {
            let _ = runtime.block_on(end); // an error means that the sender was dropped
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, connections: Arc::default(), _ends_when_dropped: Some(ends_when_dropped) })
    }
}
