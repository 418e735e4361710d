//! Types of Terra's published API: ids, secrets, bodies, problems.
//!
//! Client and server share these types, so they cannot disagree about the wire format. `docs/compatibility.md`
//! names the published contract that they follow, and the points where its sources contradict each other.

mod environment;
mod id;
pub mod log_limit;
mod provider;
pub mod redirect;
#[cfg(feature = "openapi")]
mod schema;
mod scope;
mod secret;
pub mod time;
pub mod wire;

pub use environment::{Environment, UnknownEnvironment};
pub use id::{ConnectionId, DestinationId, DevId, EventId, InvalidId, KeyId, ReferenceId, SessionId, UserId};
pub use provider::{InvalidProvider, Provider};
pub use scope::{Scope, Scopes, UnknownScope};
pub use secret::{AdminToken, ApiKey, ClientSecret, MobileToken, ProviderToken, SigningSecret, StreamingToken};
