//! Killed at random moments under webhooks: what was acknowledged is there, once, and the app hears of all of it.

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
use terra_auth_core::{
    clock::{SystemClock, SystemEntropy},
    inbox::{EventFilter, Inbox, ReceivedEvent},
    known_connection::ConnectionState,
};
use terra_auth_store::open_shared;
use tokio::{task::JoinHandle, time::sleep};
use uuid::Uuid;

use crate::support::{
    PATIENCE, Site,
    server::Server,
    webhook::{App, FORWARD_SECRET, Heard, Webhook},
};

const ROUNDS: u128 = 5;
const WORKERS: u128 = 6;

/// What makes sure that some forwards are always under way.
const APP_TAKES: Duration = Duration::from_millis(40);

/// A forward that was under way when the gateway died is made again when its lease ends, after 30 s.
const FORWARDED: Duration = Duration::from_mins(1);

/// What Terra was told, and of what it heard nothing back.
#[derive(Default)]
struct Told {
    /// The body of each webhook that was acknowledged, by its trace id.
    acknowledged: BTreeMap<String, String>,
    connected: BTreeSet<UserId>,
    removed: BTreeSet<UserId>,
    /// The answer was lost.
    perhaps_removed: BTreeSet<UserId>,
}

impl Told {
    fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.connected.extend(other.connected);
        self.removed.extend(other.removed);
        self.perhaps_removed.extend(other.perhaps_removed);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_gateway_is_killed_under_webhooks() {
    let site = Site::new();
    let app = App::start(APP_TAKES);
    let mut all = Told::default();
    let mut gateway = start(&site, &app);
    for round in 0..ROUNDS {
        let count = Arc::new(AtomicU64::new(0));
        let workers = work(&site, round, &count);
        load_begins(&count).await;
        sleep(Duration::from_millis(u64::try_from(round * 97 % 400).unwrap())).await;
        gateway.kill();
        for worker in join_all(workers).await {
            all.add(worker.unwrap());
        }
        gateway = start(&site, &app);
        let inbox = inbox(&site).await;
        everything_acknowledged_is_there_once(&stored(&inbox).await, &all);
        connections_are_as_told(&inbox, &all).await;
    }
    assert!(all.acknowledged.len() > 500, "only {} were acknowledged", all.acknowledged.len());
    assert!(all.removed.len() > 20, "only {} were removed", all.removed.len());
    the_app_hears_of_everything(&inbox(&site).await, &app).await;
    drop(gateway);
}

fn start(site: &Site, app: &App) -> Server {
    let Site { address, app: who, .. } = site;
    let arguments = format!("gateway --output json --listen {address} --who-am-i {who}/me --forward-to {}", app.url);
    Server::start(site.folder.command(&arguments).env("TERRA_AUTH_FORWARD_SECRET", FORWARD_SECRET))
}

/// What the gateway keeps, seen from beside it.
async fn inbox(site: &Site) -> Inbox {
    let address = format!("sqlite://{}", site.folder.path(".terra-auth/gateway-testing.db").display());
    Inbox::new(open_shared(&address.into()).await.unwrap(), Arc::new(SystemClock), Arc::new(SystemEntropy))
}

/// Starts senders that go on until the gateway is gone.
fn work(site: &Site, round: u128, count: &Arc<AtomicU64>) -> Vec<JoinHandle<Told>> {
    let (origin, secret) = (format!("http://{}", site.address), site.folder.key("TERRA_SIGNING_SECRET"));
    let sender =
        || Sender { origin: origin.clone(), secret: secret.clone(), count: Arc::clone(count), told: Told::default() };
    let first_user = |worker| ((round + 1) << 96) | (worker << 64);
    (0..WORKERS).map(|worker| tokio::spawn(sender().send_until_it_dies(first_user(worker)))).collect()
}

struct Sender {
    origin: String,
    secret: String,
    count: Arc<AtomicU64>,
    told: Told,
}

impl Sender {
    /// Connects users, sends data of them, and removes every second one again.
    async fn send_until_it_dies(mut self, first: u128) -> Told {
        for id in first.. {
            let user = UserId(Uuid::from_u128(id));
            if !self.is_taken("auth", user).await {
                break;
            }
            self.told.connected.insert(user);
            if !self.is_taken("activity", user).await || !self.is_taken("sleep", user).await {
                break;
            }
            if id % 2 == 1 {
                if !self.is_taken("deauth", user).await {
                    self.told.perhaps_removed.insert(user);
                    break;
                }
                self.told.removed.insert(user);
            }
        }
        self.told
    }

    /// Sends an event, and data twice at the same time; answers whether it was acknowledged.
    async fn is_taken(&mut self, kind: &str, user: UserId) -> bool {
        let webhook = Webhook::new(format!("{kind}-{user}"), kind, user, "alice");
        let times = if kind == "activity" { 2 } else { 1 };
        let answers = join_all((0..times).map(|_| webhook.send(&self.origin, &self.secret))).await;
        let answers: Vec<_> = answers.into_iter().flatten().collect(); // without those that never came
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
        if answers.is_empty() {
            return false;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.told.acknowledged.insert(webhook.trace_id, webhook.body);
        true
    }
}

/// On a busy machine the load takes a while to begin.
async fn load_begins(count: &AtomicU64) {
    let began = Instant::now();
    while count.load(Ordering::Relaxed) < 100 {
        assert!(began.elapsed() < PATIENCE, "no load within {PATIENCE:?}");
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

fn everything_acknowledged_is_there_once(stored: &[ReceivedEvent], all: &Told) {
    let bodies: BTreeMap<_, _> = stored.iter().map(|event| (event.trace_id.as_deref().unwrap(), &event.body)).collect();
    assert_eq!(bodies.len(), stored.len(), "some are there twice");
    for (trace_id, body) in &all.acknowledged {
        assert_eq!(bodies.get(&**trace_id).map(|body| &body[..]), Some(body.as_bytes()), "{trace_id}");
    }
}

async fn connections_are_as_told(inbox: &Inbox, all: &Told) {
    let mut known = BTreeMap::new();
    loop {
        let after = known.last_key_value().map(|(user, _)| *user);
        let page = inbox.known_page(after, 1000).await.unwrap();
        if page.is_empty() {
            break;
        }
        known.extend(page.into_iter().map(|connection| (connection.user_id, connection.state)));
    }
    for user in &all.connected {
        let state = known.get(user).copied();
        let wanted =
            if all.removed.contains(user) { ConnectionState::Deauthenticated } else { ConnectionState::Active };
        assert!(state == Some(wanted) || all.perhaps_removed.contains(user) && state.is_some(), "{user}: {state:?}");
    }
}

async fn the_app_hears_of_everything(inbox: &Inbox, app: &App) {
    let began = Instant::now();
    while inbox.counts().await.unwrap().waiting > 0 {
        assert!(began.elapsed() < FORWARDED, "not all were forwarded within {FORWARDED:?}");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(inbox.counts().await.unwrap().dead, 0);
    let (stored, heard): (_, Heard) = (stored(inbox).await, app.heard());
    assert_eq!(heard.len(), stored.len());
    for event in &stored {
        let bodies = &heard[event.trace_id.as_deref().unwrap()];
        assert!(bodies.iter().all(|body| *body == event.body), "another body under {:?}", event.trace_id);
    }
    let again = heard.values().filter(|bodies| bodies.len() > 1).count();
    assert!(again > 0, "no forward was under way when the gateway died");
}
