//! The published contract in Rust: ids, secrets, bodies, problems.
//!
//! Client and server both speak through these types, so they cannot disagree about the wire. Which published
//! contract is followed, and where its sources contradict each other, is in `docs/compatibility.md`.

mod environment;
mod id;
pub mod log_limit;
mod provider;
#[cfg(feature = "openapi")]
mod schema;
mod scope;
mod secret;
pub mod time;
pub mod wire;

pub use environment::{Environment, UnknownEnvironment};
pub use id::{ConnectionId, DeliveryId, DevId, EventId, InvalidId, KeyId, ReferenceId, SessionId, UserId};
pub use provider::{InvalidProvider, Provider};
pub use scope::{Scope, Scopes, UnknownScope};
pub use secret::{AdminToken, ApiKey, ClientSecret, MobileToken, ProviderToken, SigningSecret, StreamingToken};
