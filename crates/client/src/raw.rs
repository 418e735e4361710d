//! Calls without a method of their own, with the keys of a client.

use reqwest::Method;
use url::Url;

use crate::{
    Client, Error,
    hosted::origin,
    transport::{Call, response::RawCallResponse},
};

/// A call by method, path, query and body. It has a path instead of a URL, so keys are sent only to their own server.
#[derive(Clone, Debug)]
pub struct RawCall {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// The method or the path of a raw call is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRawCall {
    /// The text is not a method such as `GET`.
    #[error("{0} is not a method; use GET, POST, PUT, PATCH or DELETE")]
    Method(String),
    /// The text is not a path, or it is a URL of another server.
    #[error("{0} is not a path on the server; use a path such as /v2/userInfo")]
    Path(String),
}

impl RawCall {
    /// Creates a call without a query and a body.
    ///
    /// # Errors
    ///
    /// [`InvalidRawCall`] for an unknown method, or for a path that is not an absolute path on the same server.
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

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn body(mut self, json: Vec<u8>) -> Self {
        self.body = Some(json);
        self
    }

    /// Whether the call only reads.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.method.is_safe()
    }

    /// Returns the URL of the call on a server.
    #[must_use]
    pub fn url(&self, server: &Url) -> Url {
        let base = origin(server, server.scheme());
        // Always succeeds, because `new` has joined the path to a server.
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
    /// Sends a call with the keys of the environment to the server of the API, without retries.
    ///
    /// # Errors
    ///
    /// [`Error::Network`]; [`Error::UnreadableResponse`] for a redirect. An error response of the server is a
    /// normal result.
    pub async fn raw(&self, call: RawCall) -> Result<RawCallResponse, Error> {
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
