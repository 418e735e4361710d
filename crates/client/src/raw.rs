//! A call that no method is made for, with the keys of a client.

use std::fmt;

use reqwest::Method;
use url::Url;

use crate::{Client, Error, endpoints::origin, transport::Call};

/// A call as it goes over the wire. The address is a path, so that keys go only to the server that they are for.
#[derive(Clone, Debug)]
pub struct RawCall {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// An answer of any status but a redirect, which is never followed.
#[derive(Clone, PartialEq, Eq)]
pub struct RawAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The trace id of the call, if the server names one.
    pub trace_id: Option<String>,
    /// The body; may hold a secret.
    pub body: Vec<u8>,
}

impl fmt::Debug for RawAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, trace_id, .. } = self;
        f.debug_struct("RawAnswer").field("status", status).field("trace_id", trace_id).finish_non_exhaustive()
    }
}

/// The text is no method, or no path on the server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRawCall {
    /// Not a method such as `GET`.
    #[error("{0} is not a method; use GET, POST, PUT, PATCH or DELETE")]
    Method(String),
    /// Another server's address, or no path at all.
    #[error("{0} is not a path on the server; write it like /v2/userInfo")]
    Path(String),
}

impl RawCall {
    /// # Errors
    ///
    /// [`InvalidRawCall`] for an unknown method, or for a path that is not an absolute one on the same server.
    pub fn new(method: &str, path: &str) -> Result<Self, InvalidRawCall> {
        let known = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];
        let found = known.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(method));
        let method = found.ok_or_else(|| InvalidRawCall::Method(method.to_owned()))?;
        let base: Url = "http://server.invalid/".parse().map_err(|_| InvalidRawCall::Path(path.to_owned()))?;
        let is_on_server = |url: &Url| url.origin() == base.origin() && url.username().is_empty();
        let joined = base.join(path).ok().filter(|url| path.starts_with('/') && is_on_server(url));
        joined.ok_or_else(|| InvalidRawCall::Path(path.to_owned()))?;
        Ok(Self { method, path: path.to_owned(), query: Vec::new(), body: None })
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends a body of JSON.
    #[must_use]
    pub fn body(mut self, json: Vec<u8>) -> Self {
        self.body = Some(json);
        self
    }

    /// Whether it only reads.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// Its address on a server.
    #[must_use]
    pub fn url(&self, server: &Url) -> Url {
        let base = origin(server, server.scheme());
        // Always: the path was joined to a server before.
        let mut url = base.join(&self.path).unwrap_or(base);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    pub(crate) fn call(self, server: &Url) -> Call {
        let url = self.url(server);
        Call::raw(self.method, url, self.body)
    }
}

impl Client {
    /// Sends a call with the keys of the environment to the server of the API. It is sent once.
    ///
    /// # Errors
    ///
    /// [`Error::Network`]; [`Error::UnreadableAnswer`] for a redirect. A refusal is an answer here.
    pub async fn raw(&self, call: RawCall) -> Result<RawAnswer, Error> {
        let server = self.inner.endpoints.api("");
        self.inner.transport.raw(&call.call(&server)).await
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidRawCall, RawCall};

    #[test]
    fn a_call_stays_on_the_server() {
        let server = "https://auth.acme.example/v2".parse().unwrap();
        let call = RawCall::new("get", "/v2/userInfo?a=1").unwrap().query("b", "x y");
        assert_eq!(call.url(&server).as_str(), "https://auth.acme.example/v2/userInfo?a=1&b=x+y");
        for path in [
            "https://evil.example/v2",
            "//evil.example/v2",
            "/\\evil.example",
            "\\\\evil.example",
            "v2/userInfo",
            "",
            "/\t/evil.example",
            "@evil.example",
            "http:/evil.example",
        ] {
            let refused = RawCall::new("GET", path);
            match refused {
                Err(error) => assert_eq!(error, InvalidRawCall::Path(path.to_owned())),
                Ok(call) => assert_eq!(call.url(&server).host_str(), Some("auth.acme.example"), "{path}"),
            }
        }
        assert_eq!(RawCall::new("LOOK", "/").unwrap_err(), InvalidRawCall::Method("LOOK".to_owned()));
    }
}
