//! Routes, extractors, widget pages and responses.
//!
//! A request takes three steps: handler (`route`) → operation (`terra_auth_core::Auth`) → unit of work.

mod authentication;
mod dev;
mod error;
mod params;
mod reference;
mod route;
mod trace;
pub mod widget;

pub use dev::DevAccess;
pub use reference::Credentials;
pub use route::{openapi, router, router_with};
