use std::{future::Future, net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, thread, time::Duration};

use axum::{Extension, Router, routing::get};
use tempfile::TempDir;
use terra_auth_http::{Certificates, Peer, ServerLimits, Workers, serve, serve_tls};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName},
    },
};

/// Waits where a real loop waits 10 s.
pub(crate) const HASTY: ServerLimits = ServerLimits {
    header_timeout: Duration::from_millis(300),
    idle_timeout: Duration::from_millis(300),
    write_timeout: Duration::from_millis(300),
    connections: 1_000,
    connections_per_peer: None,
    drain: Duration::from_millis(300),
};

/// For what must come; ends a test that would hang.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), what).await.unwrap()
}

/// What `/large` answers: more than the buffers of both ends hold.
pub(crate) const LARGE: usize = 16 << 20;

/// A loop that runs: `/` tells the client's address, `/thread` where it is answered, `/slow` answers when it is let go,
/// `/large` answers [`LARGE`] bytes.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    pub(crate) slow_began: Arc<Notify>,
    pub(crate) slow_may_end: Arc<Notify>,
    pub(crate) certificates: Option<Arc<Certificates>>,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn plain(limits: ServerLimits) -> Self {
        Self::start(limits, Workers::of_this_thread(), None).await
    }

    pub(crate) async fn on(workers: Workers, limits: ServerLimits) -> Self {
        Self::start(limits, workers, None).await
    }

    pub(crate) async fn tls(limits: ServerLimits, files: &PairFiles) -> Self {
        let certificates = Certificates::read(&files.certificate, &files.key).unwrap();
        Self::start(limits, Workers::of_this_thread(), Some(Arc::new(certificates))).await
    }

    async fn start(limits: ServerLimits, workers: Workers, certificates: Option<Arc<Certificates>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (slow_began, slow_may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = router(&slow_began, &slow_may_end);
        let (end, ended) = oneshot::channel();
        let shutdown = async move { drop(ended.await) };
        let task = match certificates.clone() {
            Some(certificates) => tokio::spawn(serve_tls(listener, router, limits, workers, certificates, shutdown)),
            None => tokio::spawn(serve(listener, router, limits, workers, shutdown)),
        };
        Self { address, slow_began, slow_may_end, certificates, end, task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Asks the loop to end; the handle resolves when it did.
    pub(crate) fn end(self) -> JoinHandle<()> {
        self.end.send(()).unwrap();
        self.task
    }
}

pub(crate) fn two_threads() -> Workers {
    Workers::start(NonZeroUsize::new(2).unwrap()).unwrap()
}

fn router(began: &Arc<Notify>, may_end: &Arc<Notify>) -> Router {
    let (began, may_end) = (Arc::clone(began), Arc::clone(may_end));
    let slow = async move || {
        began.notify_one();
        may_end.notified().await;
        "at last"
    };
    let address = async |Extension(Peer(address)): Extension<Peer>| address.to_string();
    let thread = async || format!("{:?}", thread::current().id());
    let large = async || vec![b'x'; LARGE];
    Router::new()
        .route("/large", get(large))
        .route("/", get(address))
        .route("/slow", get(slow))
        .route("/thread", get(thread))
}

/// A certificate for `localhost` and its key, as they lie in a folder.
pub(crate) struct PairFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) folder: TempDir,
}

impl PairFiles {
    pub(crate) fn new(pair: &Pair) -> Self {
        let folder = TempDir::new().unwrap();
        let files = Self { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem"), folder };
        files.write(pair);
        files
    }

    pub(crate) fn write(&self, pair: &Pair) {
        std::fs::write(&self.certificate, pair.cert.pem()).unwrap();
        std::fs::write(&self.key, pair.signing_key.serialize_pem()).unwrap();
    }
}

pub(crate) type Pair = rcgen::CertifiedKey<rcgen::KeyPair>;

pub(crate) fn pair() -> Pair {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Shakes hands as a client that trusts these pairs and offers these protocols.
pub(crate) async fn shake_hands(stream: TcpStream, trusted: &[&Pair], alpn: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    for pair in trusted {
        roots.add(pair.cert.der().clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

pub(crate) async fn ask(stream: &mut (impl AsyncWrite + Unpin), path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// The next answer on a connection that may live on.
pub(crate) async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = vec![0; 4096];
    let length = soon(stream.read(&mut answer)).await.unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

/// Waits until the other end closes; a reset is an end too.
pub(crate) async fn closed(stream: &mut (impl AsyncRead + Unpin)) {
    drop(soon(stream.read_to_end(&mut Vec::new())).await);
}
