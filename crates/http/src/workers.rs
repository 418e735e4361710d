use std::{io, num::NonZeroUsize, sync::Arc, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Where connections are answered. Cloning is cheap; all clones are the same threads.
///
/// A thread of its own has a runtime of its own too: a connection stays there, with all that its requests wait for, and no
/// other thread is ever woken for it. The threads end with the last clone, and what is still under way on them.
#[derive(Clone, Debug)]
pub struct Workers(Arc<[Worker]>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// As many as it answers, and this one.
    connections: Arc<()>,
    _ends_when_dropped: Option<oneshot::Sender<()>>,
}

impl Workers {
    /// The runtime that this is called on, with whatever threads it has.
    ///
    /// # Panics
    ///
    /// Outside of a runtime.
    #[must_use]
    pub fn of_this_thread() -> Self {
        Self(Arc::new([Worker { runtime: Handle::current(), connections: Arc::default(), _ends_when_dropped: None }]))
    }

    /// So many threads of their own.
    ///
    /// # Errors
    ///
    /// The system has no thread left, or no descriptor.
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let workers: Vec<_> = (0..threads.get()).map(|_| Worker::start()).collect::<io::Result<_>>()?;
        Ok(Self(workers.into()))
    }

    /// Does `work` where there are the fewest connections.
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
            let _ = runtime.block_on(end); // the error says that it was dropped
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, connections: Arc::default(), _ends_when_dropped: Some(ends_when_dropped) })
    }
}
