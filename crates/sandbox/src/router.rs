//! The routes of all providers of the sandbox.

use axum::{Router, extract::DefaultBodyLimit};

use crate::{
    endpoints, page,
    sandbox::{MAX_BODY_BYTES, Sandbox},
};

impl Sandbox {
    /// Returns all routes. The caller nests them under the path of `base_url`.
    pub fn router(&self) -> Router {
        let routes = page::routes().merge(endpoints::routes(self));
        routes.layer(DefaultBodyLimit::max(MAX_BODY_BYTES)).with_state(self.clone())
    }
}
