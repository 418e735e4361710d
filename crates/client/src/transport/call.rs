use bytes::Bytes;
use reqwest::Method;
use serde::Serialize;
use url::Url;

/// One request, ready to be sent more than once.
#[derive(Clone)]
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Option<Bytes>,
    pub(super) needs_api_key: bool,
    pub(super) repeatable: bool,
    pub(super) longest_answer: usize,
}

const MIB: usize = 1024 * 1024;

impl Call {
    /// Reads something, so a repeat does no harm.
    pub(crate) fn get(url: Url) -> Self {
        Self { repeatable: true, ..Self::new(Method::GET, url) }
    }

    /// Makes something, so it is repeated only if the server surely did not.
    pub(crate) fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    /// Changes something. Sent again after a lost answer it would undo what somebody else did meanwhile.
    pub(crate) fn patch(url: Url) -> Self {
        Self::new(Method::PATCH, url)
    }

    /// Puts something in the place of what there is, as unsafe as a change.
    pub(crate) fn put(url: Url) -> Self {
        Self::new(Method::PUT, url)
    }

    /// Removes something. A repeat after a lost answer would say "not found", so it counts as unsafe too.
    pub(crate) fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// As it is given; sent once.
    pub(crate) fn raw(method: Method, url: Url, body: Option<Vec<u8>>) -> Self {
        Self { body: body.map(Bytes::from), longest_answer: 64 * MIB, ..Self::new(method, url) }
    }

    fn new(method: Method, url: Url) -> Self {
        Self { method, url, body: None, needs_api_key: true, repeatable: false, longest_answer: MIB }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Text, flags and lists always serialize; were it not so, the server would refuse the missing body.
    pub(crate) fn json<T: Serialize>(mut self, body: &T) -> Self {
        self.body = serde_json::to_vec(body).ok().map(Bytes::from);
        self
    }

    /// For a POST that only reads.
    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    pub(crate) fn without_api_key(mut self) -> Self {
        self.needs_api_key = false;
        self
    }

    /// For an answer that may be as long as there are users.
    pub(crate) fn long_answer(mut self) -> Self {
        self.longest_answer = 64 * MIB;
        self
    }
}
