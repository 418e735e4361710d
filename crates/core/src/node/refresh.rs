//! The refreshes in flight on this node, and the limits and alarms of each provider.

pub mod alarm;
pub(crate) mod gate;
pub mod in_flight;
pub(crate) mod plan;
