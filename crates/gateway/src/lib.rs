//! Stands beside an app of any language: checks the app's own login, hands out mobile tokens and widget sessions, receives
//! webhooks. API keys never leave it.
//!
//! A request takes three steps: who may pass ([`login`](crate::Login), limits) → handler (`route`) → Terra's API or the inbox.

mod breaker;
mod caller;
mod catalogue;
mod clients;
mod csrf;
mod error;
mod forward;
mod gateway;
mod host;
mod layer;
mod limit;
mod live;
mod login;
mod metrics;
mod origin;
mod peer;
mod reconcile;
mod route;
pub mod settings;
mod setup;
mod trace;

pub use gateway::{Config, Gateway, Parts};
pub use layer::{GatewayLayer, WithGateway};
pub use login::{Identity, Login, LoginError, Presented};
pub use metrics::{DURATION_SUFFIX, describe_metrics};
pub use reconcile::{Drift, Example, Found, Progress, ReconcileError, ReconcileOptions, reconcile};
pub use settings::{Settings, SettingsError};
pub use setup::SetupError;
pub use trace::{Place, Tracer, set_tracer};
