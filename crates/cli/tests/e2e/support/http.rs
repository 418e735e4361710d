//! Plain HTTP on this machine, where the typed client does not go.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header::HOST};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use url::{Position, Url};

use super::PATIENCE;

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An answer, read whole.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Sends one request over a connection of its own. The server may be gone.
pub(crate) async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: String) -> Result<Reply, Failure> {
    let url: Url = url.parse()?;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::builder().method(method).uri(target).header(HOST, url.authority());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    timeout(PATIENCE, exchange(&url, request.body(Full::new(Bytes::from(body)))?)).await?
}

async fn exchange(url: &Url, request: Request<Full<Bytes>>) -> Result<Reply, Failure> {
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
