use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use url::Url;

/// A request that can be sent more than once.
#[derive(Clone)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Bytes>,
    pub(super) needs_api_key: bool,
    pub(super) repeatable: bool,
    pub(super) max_response_bytes: usize,
}

const MIB: usize = 1024 * 1024;

impl Call {
    /// A call that reads, so a retry does no harm.
    pub(crate) fn get(url: Url) -> Self {
        Self { repeatable: true, ..Self::new(Method::GET, url) }
    }

    /// A call that creates something. It is retried only if the server has certainly not processed it.
    pub(crate) fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// A call that changes something. A retry after a lost response could undo a later change of another caller.
    pub(crate) fn patch(url: Url) -> Self {
        Self::new(Method::PATCH, url)
    }

    /// A call that replaces something. A retry is as unsafe as for a change.
    pub(crate) fn put(url: Url) -> Self {
        Self::new(Method::PUT, url)
    }

    /// A call that deletes something. A retry after a lost response would report "not found", so it counts as
    /// unsafe too.
    pub(crate) fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// A raw call, which is sent once.
    pub(crate) fn raw(method: Method, url: Url, body: Option<Vec<u8>>) -> Self {
        Self { body: body.map(Bytes::from), max_response_bytes: 64 * MIB, ..Self::new(method, url) }
    }

    fn new(method: Method, url: Url) -> Self {
        Self { method, url, body: None, needs_api_key: true, repeatable: false, max_response_bytes: MIB }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Sets the JSON body. Serialization cannot fail for our types; if it did, the server would reject the
    /// missing body.
    pub(crate) fn json<T: Serialize>(mut self, body: &T) -> Self {
        self.body = serde_json::to_vec(body).ok().map(Bytes::from);
        self
    }

    /// Allows retries, for a POST that only reads.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(crate) fn without_api_key(mut self) -> Self {
        self.needs_api_key = false;
        self
    }

    /// Allows a large response, for lists without a fixed bound.
    pub(crate) fn large_response(mut self) -> Self {
        self.max_response_bytes = 64 * MIB;
        self
    }
}
