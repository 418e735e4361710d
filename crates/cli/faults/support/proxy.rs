//! A TCP proxy between a node and its database that can freeze or close connections.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    /// Connections stay open and new ones are accepted, but no data passes.
    Frozen,
    /// Existing connections are closed, and new ones are closed at once.
    Cut,
}

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, (state, seen)) = (listener.local_addr()?, watch::channel(State::Open));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(proxy_connection(client, target, seen.clone()));
            }
        });
        Ok(Self { address, state })
    }

    pub(crate) fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

async fn proxy_connection(client: TcpStream, target: SocketAddr, mut state: watch::Receiver<State>) {
    if !wait_until_open(&mut state).await {
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = pump(from_client, to_server, state.clone()) => {}
        () = pump(from_server, to_client, state.clone()) => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

/// Waits while the proxy is frozen; returns whether it is open then.
async fn wait_until_open(state: &mut watch::Receiver<State>) -> bool {
    state.wait_for(|state| *state != State::Frozen).await.is_ok_and(|state| *state == State::Open)
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        if !wait_until_open(&mut state).await || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
