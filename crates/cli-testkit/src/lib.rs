//! Runs the command in a folder of its own, with servers and receivers on loopback. For tests only: an error panics.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, clippy::must_use_candidate, reason = "a test may panic")]

mod folder;
pub mod http;
mod receiver;
pub mod refresh;
mod server;
mod wait;

pub use folder::{CommandOutput, Folder, command_path, value_in};
pub use receiver::{Received, Receiver, ReservedPort};
pub use server::{ExitResult, Server};
pub use wait::{TIMEOUT, unreachable_url, until, until_in};
