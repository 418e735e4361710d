//! The state of this process: its copy of the directory, its work in flight, and its budgets. None of it is durable.

pub mod directory;
pub mod freshness;
pub mod notification_budget;
pub mod outbox;
pub mod refresh;
pub(crate) mod returning_logins;
pub mod rotation;
mod unknown_callers;
pub mod watch;
