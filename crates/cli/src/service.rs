//! Parts that the long-running commands share: the store, the node, signals, logs and provider files.

pub(crate) mod event_log;
pub(crate) mod known_stores;
pub(crate) mod logging;
pub(crate) mod node;
pub(crate) mod open_options;
pub(crate) mod provider_files;
pub(crate) mod provision;
pub(crate) mod shutdown;
pub(crate) mod storage_options;
#[cfg(feature = "otel")]
pub(crate) mod telemetry;
