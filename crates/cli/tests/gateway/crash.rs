//! Kills a gateway at random moments under load. Every acknowledged webhook must be stored once and
//! forwarded to the app.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use terra_auth::UserId;
use terra_auth_cli_testkit::{Server, TIMEOUT};
use terra_auth_gateway::inbox::Inbox;
use terra_auth_model::{
    clock::{SystemClock, SystemEntropy},
    known_connection::ConnectionState,
    received_event::{EventFilter, ReceivedEvent},
};
use terra_auth_store::open_shared;
use tokio::{task::JoinHandle, time::sleep};
use uuid::Uuid;

use crate::support::{
    Site,
    webhook::{App, FORWARD_SECRET, ReceivedBodies, Webhook},
};

const ROUNDS: u128 = 5;
const WORKERS: u128 = 6;
/// Long enough that some forwards are always in flight.
const APP_DELAY: Duration = Duration::from_millis(40);
/// A forward that was in flight when the gateway was killed is repeated when its lease expires, after 30 s.
const FORWARD_TIMEOUT: Duration = Duration::from_mins(1);

/// The webhooks that Terra sent, by the gateway's response.
#[derive(Default)]
struct LoadResult {
    /// The body of each acknowledged webhook, by its trace id.
    acknowledged: BTreeMap<String, String>,
    connected: BTreeSet<UserId>,
    removed: BTreeSet<UserId>,
    /// The response to the deauth event was lost.
    maybe_removed: BTreeSet<UserId>,
}

impl LoadResult {
    fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.connected.extend(other.connected);
        self.removed.extend(other.removed);
        self.maybe_removed.extend(other.maybe_removed);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_gateway_is_killed_under_webhooks() {
    let site = Site::new();
    let app = App::start(APP_DELAY);
    let mut all = LoadResult::default();
    let mut gateway = start(&site, &app);
    for round in 0..ROUNDS {
        let count = Arc::new(AtomicU64::new(0));
        let workers = work(&site, round, &count);
        wait_for_load(&count).await;
        sleep(Duration::from_millis(u64::try_from(round * 97 % 400).unwrap())).await;
        gateway.kill();
        for worker in join_all(workers).await {
            all.add(worker.unwrap());
        }
        gateway = start(&site, &app);
        let inbox = inbox(&site).await;
        assert_stored_once(&stored(&inbox).await, &all);
        assert_connections(&inbox, &all).await;
    }
    assert!(all.acknowledged.len() > 500, "only {} were acknowledged", all.acknowledged.len());
    assert!(all.removed.len() > 20, "only {} were removed", all.removed.len());
    assert_all_forwarded(&inbox(&site).await, &app).await;
    drop(gateway);
}

fn start(site: &Site, app: &App) -> Server {
    let Site { address, app: who, .. } = site;
    let arguments = format!("gateway --output json --listen {address} --who-am-i {who}/me --forward-to {}", app.url);
    Server::start(site.folder.command(&arguments).env("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET))
}

/// Opens the gateway's inbox from this process.
async fn inbox(site: &Site) -> Inbox {
    let address = format!("sqlite://{}", site.folder.path(".terra-auth/gateway-testing.db").display());
    Inbox::new(open_shared(&address.into()).await.unwrap(), Arc::new(SystemClock), Arc::new(SystemEntropy))
}

/// Starts senders that run until the gateway is killed.
fn work(site: &Site, round: u128, count: &Arc<AtomicU64>) -> Vec<JoinHandle<LoadResult>> {
    let (origin, secret) = (format!("http://{}", site.address), site.folder.key("TERRA_SIGNING_SECRET"));
    let sender = || Sender {
        origin: origin.clone(),
        secret: secret.clone(),
        count: Arc::clone(count),
        told: LoadResult::default(),
    };
    let first_user = |worker| ((round + 1) << 96) | (worker << 64);
    (0..WORKERS).map(|worker| tokio::spawn(sender().send_until_it_dies(first_user(worker)))).collect()
}

struct Sender {
    origin: String,
    secret: String,
    count: Arc<AtomicU64>,
    told: LoadResult,
}

impl Sender {
    /// Connects users, sends their data, and removes every second user.
    async fn send_until_it_dies(mut self, first: u128) -> LoadResult {
        for id in first.. {
            let user = UserId(Uuid::from_u128(id));
            if !self.is_acknowledged("auth", user).await {
                break;
            }
            self.told.connected.insert(user);
            if !self.is_acknowledged("activity", user).await || !self.is_acknowledged("sleep", user).await {
                break;
            }
            if id % 2 == 1 {
                if !self.is_acknowledged("deauth", user).await {
                    self.told.maybe_removed.insert(user);
                    break;
                }
                self.told.removed.insert(user);
            }
        }
        self.told
    }

    /// Sends an event, or an `activity` twice at the same time; returns whether it was acknowledged.
    async fn is_acknowledged(&mut self, kind: &str, user: UserId) -> bool {
        let webhook = Webhook::new(format!("{kind}-{user}"), kind, user, "alice");
        let times = if kind == "activity" { 2 } else { 1 };
        let answers = join_all((0..times).map(|_| webhook.send(&self.origin, &self.secret))).await;
        let answers: Vec<_> = answers.into_iter().flatten().collect(); // drops failed requests
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        if answers.is_empty() {
            return false;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.told.acknowledged.insert(webhook.trace_id, webhook.body);
        true
    }
}

/// Waits for the load to begin, which takes a while on a busy machine.
async fn wait_for_load(count: &AtomicU64) {
    let began = Instant::now();
    while count.load(Ordering::Relaxed) < 100 {
        assert!(began.elapsed() < TIMEOUT, "no load within {TIMEOUT:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn stored(inbox: &Inbox) -> Vec<ReceivedEvent> {
    let mut filter = EventFilter { limit: 200, ..EventFilter::default() };
    let mut stored = Vec::new();
    loop {
        let page = inbox.events(&filter).await.unwrap();
        let Some(last) = page.last() else { return stored };
        filter.before = Some(last.event_id);
        stored.extend(page);
    }
}

fn assert_stored_once(stored: &[ReceivedEvent], all: &LoadResult) {
    let bodies: BTreeMap<_, _> = stored.iter().map(|event| (event.trace_id.as_deref().unwrap(), &event.body)).collect();
    assert_eq!(bodies.len(), stored.len(), "some events are stored twice");
    for (trace_id, body) in &all.acknowledged {
        assert_eq!(bodies.get(&**trace_id).map(|body| &body[..]), Some(body.as_bytes()), "{trace_id}");
    }
}

async fn assert_connections(inbox: &Inbox, all: &LoadResult) {
    let mut known = BTreeMap::new();
    loop {
        let after = known.last_key_value().map(|(user, _)| *user);
        let page = inbox.known_connections_page(after, 1000).await.unwrap();
        if page.is_empty() {
            break;
        }
        known.extend(page.into_iter().map(|connection| (connection.user_id, connection.state)));
    }
    for user in &all.connected {
        let state = known.get(user).copied();
        let wanted =
            if all.removed.contains(user) { ConnectionState::Deauthenticated } else { ConnectionState::Active };
        assert!(state == Some(wanted) || all.maybe_removed.contains(user) && state.is_some(), "{user}: {state:?}");
    }
}

async fn assert_all_forwarded(inbox: &Inbox, app: &App) {
    let began = Instant::now();
    while inbox.counts().await.unwrap().waiting > 0 {
        assert!(began.elapsed() < FORWARD_TIMEOUT, "not all were forwarded within {FORWARD_TIMEOUT:?}");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(inbox.counts().await.unwrap().dead, 0);
    let (stored, heard): (_, ReceivedBodies) = (stored(inbox).await, app.received());
    assert_eq!(heard.len(), stored.len());
    for event in &stored {
        let bodies = &heard[event.trace_id.as_deref().unwrap()];
        assert!(bodies.iter().all(|body| *body == event.body), "another body under {:?}", event.trace_id);
    }
    let again = heard.values().filter(|bodies| bodies.len() > 1).count();
    assert!(again > 0, "no forward was in flight when the gateway was killed");
}
