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

use crate::wait::{TIMEOUT, until_in};

/// An app's webhook endpoint on this machine, on a separate thread.
pub struct Receiver {
    /// The URL that events are posted to.
    pub url: String,
    inbox: Arc<Inbox>,
}

struct Inbox {
    received: Mutex<Vec<Received>>,
    /// The status for the n-th delivery, from 0.
    answer: Box<dyn Fn(usize) -> u16 + Send + Sync>,
}

/// A received delivery.
#[derive(Clone)]
pub struct Received {
    /// The headers.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Bytes,
    /// When it came.
    pub at: Instant,
}

impl Received {
    /// A header, which must be there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    /// The trace id.
    pub fn trace_id(&self) -> &str {
        self.header("x-terra-trace-id")
    }

    /// The body, read as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Receiver {
    /// Starts a receiver that accepts every delivery.
    pub fn start() -> Self {
        Self::start_with_status(|_| 200)
    }

    /// Starts a receiver that answers the n-th delivery, from 0, with the status from `answer`.
    pub fn start_with_status(answer: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Self {
        ReservedPort::new().open(answer)
    }

    /// All deliveries so far.
    pub fn received(&self) -> Vec<Received> {
        self.inbox.received.lock().unwrap().clone()
    }

    /// Waits until it has received this many deliveries.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        until_in(2 * TIMEOUT, &format!("{count} deliveries"), || Some(self.received()).filter(|all| all.len() >= count))
    }
}

/// A bound port that refuses every connection until it is opened.
pub struct ReservedPort {
    socket: TcpSocket,
    /// The URL that events are posted to.
    pub url: String,
}

impl Default for ReservedPort {
    fn default() -> Self {
        Self::new()
    }
}

impl ReservedPort {
    /// Binds a free port.
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = format!("http://{}/hooks", socket.local_addr().unwrap());
        Self { socket, url }
    }

    /// Accepts connections from now on; `answer` gives the status for the n-th delivery, from 0.
    pub fn open(self, answer: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Receiver {
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
