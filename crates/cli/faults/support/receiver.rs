//! An app's webhook endpoint, on a separate thread. It verifies every signature and can hang.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use terra_auth::{
    UserId,
    webhook::{SIGNATURE_HEADER, Verifier},
};
use tokio::{net::TcpListener, runtime, time::sleep};

/// The event type and the user.
pub(crate) type Change = (String, UserId);

/// The time of a change's first delivery, the trace ids of its deliveries, and their number.
#[derive(Clone)]
pub(crate) struct DeliveryRecord {
    pub(crate) at: Instant,
    pub(crate) trace_ids: BTreeSet<String>,
    pub(crate) times: usize,
}

pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    heard: Mutex<BTreeMap<Change, DeliveryRecord>>,
    secret: Mutex<String>,
    hangs: AtomicBool,
    /// The number of deliveries that were received while it hung.
    kept_waiting: AtomicUsize,
    unsigned: AtomicUsize,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let inbox = Arc::new(Inbox::default());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(Arc::clone(&inbox));
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(TcpListener::from_std(listener).unwrap(), router).await })
        });
        Self { url, inbox }
    }

    /// Accepts only events signed with this secret.
    pub(crate) fn expect_secret(&self, secret: &str) {
        secret.clone_into(&mut self.inbox.secret.lock().unwrap());
    }

    pub(crate) fn hang(&self, hangs: bool) {
        self.inbox.hangs.store(hangs, Ordering::Relaxed);
    }

    pub(crate) fn deliveries(&self) -> BTreeMap<Change, DeliveryRecord> {
        self.inbox.heard.lock().unwrap().clone()
    }

    pub(crate) fn has_received(&self, change: &Change) -> bool {
        self.inbox.heard.lock().unwrap().contains_key(change)
    }

    pub(crate) fn unsigned(&self) -> usize {
        self.inbox.unsigned.load(Ordering::Relaxed)
    }

    pub(crate) fn hanging(&self) -> usize {
        self.inbox.kept_waiting.load(Ordering::Relaxed)
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if inbox.hangs.load(Ordering::Relaxed) {
        inbox.kept_waiting.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_mins(5)).await;
    }
    if !is_signed(&inbox, &headers, &body) {
        inbox.unsigned.fetch_add(1, Ordering::Relaxed);
        return StatusCode::UNAUTHORIZED;
    }
    match change_in(&body) {
        Some(change) => {
            let trace_id = headers.get("x-terra-trace-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
            let first = || DeliveryRecord { at: Instant::now(), trace_ids: BTreeSet::new(), times: 0 };
            let mut all = inbox.heard.lock().unwrap();
            let heard = all.entry(change).or_insert_with(first);
            heard.times += 1;
            heard.trace_ids.insert(trace_id.to_owned());
            StatusCode::OK
        }
        None => StatusCode::BAD_REQUEST,
    }
}

#[expect(clippy::disallowed_methods, reason = "the server uses the system clock or a simulated one; both are accepted")]
fn is_signed(inbox: &Inbox, headers: &HeaderMap, body: &Bytes) -> bool {
    let secret = inbox.secret.lock().unwrap().clone();
    let Some(signature) = headers.get(SIGNATURE_HEADER) else { return false };
    // A server's clock may be a year ahead here.
    let verifier = Verifier::new([secret]).with_tolerance(Duration::from_hours(24 * 800));
    verifier.verify(signature, body, Timestamp::now().as_second()).is_ok()
}

fn change_in(body: &[u8]) -> Option<Change> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let user = body["user"]["user_id"].as_str()?.parse().ok()?;
    Some((body["type"].as_str()?.to_owned(), user))
}
