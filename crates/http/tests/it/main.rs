//! The accept loop on real sockets, with clients that are slow, silent, or speak something else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod drain;
mod head;
mod slow_client;
mod slow_reader;
mod support;
mod tls;
mod workers;
