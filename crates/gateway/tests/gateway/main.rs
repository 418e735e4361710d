//! The gateway in front of a whole server, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod connections;
mod embedded;
mod forward;
mod integrations;
mod pages;
mod protection;
mod upstream;
mod webhook;
mod widget_session;
mod world;
