//! Plain HTTP requests on this machine, for everything that the typed client does not call.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use url::{Position, Url};

use crate::wait::TIMEOUT;

/// A request that got no response.
pub type HttpFailure = Box<dyn std::error::Error + Send + Sync>;

/// A response with its complete body.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Reply {
    /// A header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Sends one request over a new connection. Fails if the server does not run.
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: String) -> Result<Reply, HttpFailure> {
    let url: Url = url.parse()?;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::builder().method(method).uri(target).header(HOST, url.authority());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    timeout(TIMEOUT, exchange(&url, request.body(Full::new(Bytes::from(body)))?)).await?
}

async fn exchange(url: &Url, request: Request<Full<Bytes>>) -> Result<Reply, HttpFailure> {
    let stream = TcpStream::connect(&url.socket_addrs(|| None)?[..]).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let text = String::from_utf8(body.collect().await?.to_bytes().into())?;
        Ok(Reply { status: parts.status, headers: parts.headers, text })
    }
    .await;
    connection.abort();
    answer
}
