//! Requests out: one client that checks every address.
//!
//! The client connects to the address that it checked, follows no redirect, and limits every response in time and size.

mod client;
mod guard;
mod http;
pub(crate) mod proxy;

pub use self::{
    client::{CALL_TIMEOUT, CallError, HttpClient, Method, read_body},
    guard::{AddressPolicy, Forbidden},
    http::{Bounds, Http, HttpAnswer, HttpError},
    proxy::{Proxies, environment_proxy},
};
pub use crate::proxy::SetupError;
