use std::{
    error::Error,
    future::{Future, ready},
    io,
    net::{self},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, middleware::from_fn};
use http::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use terra_auth_types::log_limit::LogLimit;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{Timeout, timeout},
};
use tower::ServiceExt as _;

use crate::{
    Certificates, Workers,
    connections::{ConnectionSlot, Connections, Phase},
    head,
    limits::{MAX_BUFFER_BYTES, Peer, ServerLimits},
    silence::IdleGuard,
};

/// Serves until `shutdown` resolves, then finishes the requests in flight. Each connection belongs to one of the `workers`.
///
/// It supports HTTP/1.1 only; a proxy can offer HTTP/2 to browsers. `axum::serve` is not used because it waits without limit
/// for the rest of a request, and hyper-util's protocol detection because it waits for the first byte.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    workers: Workers,
    shutdown: impl Future<Output = ()>,
) {
    serve_with(listener, router, limits, workers, |stream| ready(Ok(stream)), shutdown).await;
}

/// Like [`serve`], over TLS. A reloaded certificate applies to new connections.
pub async fn serve_tls(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    workers: Workers,
    certificates: Arc<Certificates>,
    shutdown: impl Future<Output = ()>,
) {
    let handshake = move |stream| certificates.acceptor().accept(stream);
    serve_with(listener, router, limits, workers, handshake, shutdown).await;
}

static CANNOT_ACCEPT: LogLimit = LogLimit::every(Duration::from_mins(1));

async fn serve_with<S, H>(
    listener: TcpListener,
    router: Router,
    limits: ServerLimits,
    workers: Workers,
    handshake: impl Fn(TcpStream) -> H + Clone + Send + Sync + 'static,
    shutdown: impl Future<Output = ()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Future<Output = io::Result<S>> + Send + 'static,
{
    let mut builder = http1::Builder::new();
    // `IdleGuard` distinguishes a slow head from an idle connection.
    builder.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(MAX_BUFFER_BYTES);
    let connections = Connections::new(limits);
    let router = router.layer(from_fn(head::check));
    let graceful = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            () = &mut shutdown => break,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let (handshake, builder, watcher) = (handshake.clone(), builder.clone(), graceful.watcher());
        let router = router.clone();
        workers.spawn(async move {
            let connection = place.connection();
            let answered = async {
                // Registers it with the runtime of this thread.
                let handshake = timeout(limits.header_timeout, handshake(TcpStream::from_std(stream)?));
                answer(handshake, builder, watcher, router, peer, |stream| IdleGuard::new(stream, place, limits)).await
            };
            let ended = tokio::select! {
                answered = answered => answered,
                () = connection.closing() => Err("closed for another connection".into()),
            };
            if let Err(error) = ended {
                tracing::debug!(error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

pub(crate) async fn accept(
    listener: &TcpListener,
    connections: &Connections,
) -> Option<(net::TcpStream, Peer, ConnectionSlot)> {
    let accepted = listener.accept().await.and_then(|(stream, address)| {
        let _ = stream.set_nodelay(true); // only a hint
        Ok((stream.into_std()?, address))
    });
    match accepted {
        Ok((stream, address)) => {
            let peer = Peer(address.ip().to_canonical());
            let place = connections.admit(peer).await?;
            Some((stream, peer, place))
        }
        Err(error) => {
            // There is no descriptor left, or the client has closed the connection.
            if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                if let Some(left_out) = CANNOT_ACCEPT.admit(Instant::now()) {
                    tracing::warn!(%error, left_out, "could not accept a connection");
                }
                connections.make_room();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            None
        }
    }
}

/// Serves one connection. The watcher makes a shutdown wait for it, also during its handshake.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    handshake: Timeout<impl Future<Output = io::Result<S>>>,
    builder: http1::Builder,
    watcher: Watcher,
    router: Router,
    peer: Peer,
    watch: impl FnOnce(S) -> IdleGuard<S>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let stream = watch(handshake.await??);
    let (asked, answered) = (stream.connection(), stream.connection());
    let service = router
        .map_request(move |mut request: Request<Incoming>| {
            asked.set(Phase::Answering);
            request.extensions_mut().insert(peer);
            request
        })
        .map_response(move |response| {
            answered.set(Phase::Answered);
            response
        });
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    Ok(watcher.watch(connection).await?)
}
