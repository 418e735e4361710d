use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::{net::TcpSocket, runtime};

use super::{PATIENCE, until_in};

/// An app's webhook endpoint on this machine, on a thread of its own.
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
}

struct Inbox {
    received: Mutex<Vec<Received>>,
    /// The status for the n-th delivery, from 0.
    answer: Box<dyn Fn(usize) -> u16 + Send + Sync>,
}

/// One delivery, as it came over the network.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) at: Instant,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    pub(crate) fn trace_id(&self) -> &str {
        self.header("x-terra-trace-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Receiver {
    /// Takes whatever comes.
    pub(crate) fn start() -> Self {
        Self::answering(|_| 200)
    }

    /// Answers the n-th delivery, from 0, with a status.
    pub(crate) fn answering(answer: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        Reserved::new().open(answer)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.inbox.received.lock().unwrap().clone()
    }

    /// Waits until this many deliveries have come.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Received> {
        until_in(2 * PATIENCE, &format!("{count} deliveries"), || {
            Some(self.received()).filter(|all| all.len() >= count)
        })
    }
}

/// A port that is taken and refuses every connection, until it is opened.
pub(crate) struct Reserved {
    socket: TcpSocket,
    pub(crate) url: String,
}

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = format!("http://{}/hooks", socket.local_addr().unwrap());
        Self { socket, url }
    }

    pub(crate) fn open(self, answer: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Receiver {
        let Self { socket, url } = self;
        let inbox = Arc::new(Inbox { received: Mutex::default(), answer: Box::new(answer) });
        let router = Router::new().fallback(take).with_state(Arc::clone(&inbox));
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(socket.listen(1024).unwrap(), router).await })
        });
        Receiver { url, inbox }
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = inbox.received.lock().unwrap();
    let status = (inbox.answer)(received.len());
    received.push(Received { headers, body, at: Instant::now() });
    StatusCode::from_u16(status).unwrap()
}
