//! Persistent TLS connections, and the certificates that they trust.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

/// A certificate for `localhost`, and its key.
pub(crate) struct CertificateWithKey(rcgen::CertifiedKey<rcgen::KeyPair>);

impl CertificateWithKey {
    pub(crate) fn new() -> Self {
        Self(rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap())
    }

    /// Writes `cert.pem` and `key.pem`.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), self.0.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), self.0.signing_key.serialize_pem()).unwrap();
    }
}

/// A persistent connection.
pub(crate) struct PersistentConnection(SendRequest<Full<Bytes>>);

impl PersistentConnection {
    /// Connects. Fails unless the server has exactly this certificate.
    pub(crate) async fn connect(address: SocketAddr, trusted: &CertificateWithKey) -> Result<Self, std::io::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.0.cert.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
        let name = ServerName::try_from("localhost").unwrap();
        let stream = connector.connect(name, TcpStream::connect(address).await?).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a request over the same connection.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Result<(StatusCode, HeaderMap), hyper::Error> {
        let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.ready().await?;
        let answer = self.0.send_request(request.body(Full::from(body)).unwrap()).await?;
        let (parts, body) = answer.into_parts();
        body.collect().await?;
        Ok((parts.status, parts.headers))
    }
}
