use terra_auth::{Client, ClientBuilder, Error};
use thread_local::ThreadLocal;

/// Clients of the upstream, one for each thread that asks. A connection stays on the thread that opened it, so that where each
/// thread has a runtime of its own, no other is woken for an answer.
pub(crate) struct Clients {
    builder: ClientBuilder,
    any: Client,
    of_threads: ThreadLocal<Client>,
}

impl Clients {
    /// # Errors
    ///
    /// As [`Client::new`].
    pub(crate) fn new(builder: ClientBuilder) -> Result<Self, Error> {
        Ok(Self { any: builder.clone().build()?, builder, of_threads: ThreadLocal::new() })
    }

    /// For work that no thread is close to.
    pub(crate) fn any(&self) -> &Client {
        &self.any
    }

    /// This thread's own.
    pub(crate) fn of_this_thread(&self) -> &Client {
        // A step that succeeded once fails only if the machine lacks resources; then all share one.
        self.of_threads.get_or(|| self.builder.clone().build().unwrap_or_else(|_| self.any.clone()))
    }
}
