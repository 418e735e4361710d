//! Shared by the tests: a folder to run the command in, the servers that it starts, and their callers.

pub(crate) mod device;
pub(crate) mod person;
pub(crate) mod provider;
pub(crate) mod schema;
