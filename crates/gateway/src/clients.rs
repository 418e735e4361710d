use terra_auth::{Client, ClientBuilder, Error};
use thread_local::ThreadLocal;

/// API clients, one for each thread. A connection stays on the thread that opened it. With one
/// runtime per thread, a response then wakes no other thread.
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

    /// Returns the shared client, for background work.
    pub(crate) fn any(&self) -> &Client {
        &self.any
    }

    /// Returns the client of the current thread.
    pub(crate) fn of_this_thread(&self) -> &Client {
        // Building has succeeded before, so it fails only for lack of resources. The shared client
        // is used then.
        self.of_threads.get_or(|| self.builder.clone().build().unwrap_or_else(|_| self.any.clone()))
    }
}
