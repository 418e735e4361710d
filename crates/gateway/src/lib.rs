//! A gateway for an app in any language. It verifies the app's own login, issues mobile tokens and
//! widget sessions, and receives webhooks. API keys never leave it.
//!
//! A request takes three steps: authentication ([`login`](crate::Login)) and rate limits → handler
//! (`route`) → Terra's API or the inbox.

mod body_budget;
mod breaker;
mod catalogue;
mod clients;
pub(crate) mod config;
mod csrf;
mod end_user;
mod error;
mod forward;
mod gateway;
mod gauges;
mod host;
pub mod inbox;
mod layer;
mod login;
mod metrics;
mod origin;
mod peer;
mod rate_limit;
mod reconcile;
mod route;
mod runtime_config;
pub mod settings;
mod setup;
mod trace;

pub use crate::config::{Config, Dependencies};
pub use gateway::Gateway;
pub use layer::{GatewayLayer, WithGateway};
pub use login::{EndUser, Login, LoginError, RequestCredentials};
pub use metrics::{DURATION_SUFFIX, describe_metrics};
pub use reconcile::{Drift, DriftReport, Example, Progress, ReconcileError, ReconcileOptions, reconcile};
pub use settings::{Settings, SettingsError};
pub use setup::SetupError;
