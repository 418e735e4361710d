//! Kills a server at random moments under load. Acknowledged connections must exist afterwards,
//! removed ones must not, and the app must receive each change under one trace id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{TryStreamExt as _, future::join_all};
use terra_auth::{Client, Environment, UserId, WidgetSessionRequest};
use terra_auth_cli_testkit::{Folder, Receiver, Server, http::send, until_in};
use tokio::{task::JoinHandle, time::sleep};

use crate::support::device::{redeem, user_of};

const ROUNDS: u64 = 4;
const WORKERS: u64 = 4;
/// The number of connections that a worker does not remove. With one being removed and one whose
/// response was lost, all rounds stay within the limit of 50.
const CONNECTIONS_PER_WORKER: usize = 1;
/// A delivery that was in flight when the server was killed is retried when its lease expires, after 60 s.
const REDELIVERY_TIMEOUT: Duration = Duration::from_secs(80);

/// The changes that the clients requested, by the server's response.
#[derive(Default)]
struct LoadResult {
    connected: BTreeSet<UserId>,
    removed: BTreeSet<UserId>,
    /// The response to the removal was lost.
    maybe_removed: BTreeSet<UserId>,
    /// Token and device of each redemption that was acknowledged.
    spent: Vec<(String, String)>,
    sessions: Vec<String>,
}

impl LoadResult {
    fn add(&mut self, other: Self) {
        self.connected.extend(other.connected);
        self.removed.extend(other.removed);
        self.maybe_removed.extend(other.maybe_removed);
        self.spent.extend(other.spent);
        self.sessions.extend(other.sessions);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_under_load() {
    let seed = std::env::var("TERRA_AUTH_TEST_SEED").map_or(1, |text| text.parse().unwrap());
    println!("TERRA_AUTH_TEST_SEED={seed}");
    let mut random = Random(seed);
    let receiver = Receiver::start();
    let folder = Folder::new();
    let arguments = format!("--forward-to {}", receiver.url);
    let mut all = LoadResult::default();
    let mut server = folder.dev(&arguments);
    for round in 0..ROUNDS {
        let removed = Arc::new(AtomicU64::new(0));
        let workers = work(&folder, &server, round, &removed);
        // On a busy machine, the load takes a while to begin.
        until_async("the clients work", || removed.load(Ordering::Relaxed) >= WORKERS).await;
        sleep(Duration::from_millis(random.next() % 500)).await;
        server.kill();
        let mut told = LoadResult::default();
        for worker in join_all(workers).await {
            told.add(worker.unwrap());
        }
        server = folder.dev(&arguments);
        assert_sessions_open_and_tokens_spent(&folder, &server, &told).await;
        all.add(told);
        assert_connections(&folder.client(), &all).await;
    }
    assert!(all.removed.len() > 10, "only {} were removed", all.removed.len());
    assert_changes_delivered(&receiver, &all);
}

/// Starts clients that run until the server is killed.
fn work(folder: &Folder, server: &Server, round: u64, removed: &Arc<AtomicU64>) -> Vec<JoinHandle<LoadResult>> {
    let credentials = folder.credentials(Environment::Testing);
    let worker = |worker| {
        let client = Client::builder(credentials.clone()).retries(0).build().unwrap();
        tokio::spawn(one_worker(client, server.origin(), format!("r{round}w{worker}"), Arc::clone(removed)))
    };
    (0..WORKERS).map(worker).collect()
}

async fn one_worker(client: Client, origin: String, name: String, removed: Arc<AtomicU64>) -> LoadResult {
    let mut told = LoadResult::default();
    let mut mine = Vec::new();
    for turn in 0_u64.. {
        let Ok(session) = client.generate_widget_session(&WidgetSessionRequest::new()).await else { break };
        told.sessions.push(session.url.into());
        let Ok(token) = client.generate_mobile_token(None).await else { break };
        let (device, token) = (format!("{name}t{turn}"), token.token.expose().to_owned());
        let Ok(reply) = redeem(&origin, client.dev_id().as_str(), &token, (&device, &device)).await else { break };
        let user = user_of(&reply);
        told.connected.insert(user);
        told.spent.push((token, device));
        mine.push(user);
        if mine.len() > CONNECTIONS_PER_WORKER {
            let oldest = mine.remove(0);
            if client.deauthenticate_user(oldest).await.is_err() {
                told.maybe_removed.insert(oldest);
                break;
            }
            told.removed.insert(oldest);
            removed.fetch_add(1, Ordering::Relaxed);
        }
    }
    told
}

async fn until_async(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..1500 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 30 s: {what}");
}

async fn assert_sessions_open_and_tokens_spent(folder: &Folder, server: &Server, told: &LoadResult) {
    let origin = server.origin();
    for url in &told.sessions {
        let path = url.split_once("/session/").unwrap().1;
        let page = send(http::Method::GET, &format!("{origin}/session/{path}"), &[], String::new()).await.unwrap();
        assert_eq!(page.status, 200, "{url}");
    }
    let dev_id = folder.key("TERRA_DEV_ID");
    for (token, device) in &told.spent {
        let again = redeem(&origin, &dev_id, token, (&format!("{device}x"), device)).await.unwrap();
        assert_eq!(again.status, 401, "a token was redeemed twice: {}", again.text);
    }
}

async fn assert_connections(client: &Client, all: &LoadResult) {
    let users: Vec<_> = client.subscriptions().try_collect().await.unwrap();
    let there: BTreeSet<UserId> = users.iter().map(|user| user.user_id).collect();
    let lost: Vec<_> = all
        .connected
        .difference(&there)
        .filter(|id| !all.removed.contains(id) && !all.maybe_removed.contains(id))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let back: Vec<_> = all.removed.intersection(&there).collect();
    assert!(back.is_empty(), "removed, but they exist again: {back:?}");
}

fn assert_changes_delivered(receiver: &Receiver, all: &LoadResult) {
    let wanted: BTreeSet<(&str, UserId)> = all
        .connected
        .iter()
        .map(|user| ("auth", *user))
        .chain(all.removed.iter().map(|user| ("deauth", *user)))
        .collect();
    let heard = until_in(REDELIVERY_TIMEOUT, "the app receives every change", || {
        let heard = delivered_trace_ids(receiver);
        wanted.iter().all(|(kind, user)| heard.contains_key(&((*kind).to_owned(), *user))).then_some(heard)
    });
    let twice: Vec<_> = heard.iter().filter(|(_, trace_ids)| trace_ids.len() != 1).collect();
    assert!(twice.is_empty(), "under several trace ids: {twice:?}");
}

/// The trace ids of the deliveries of each change.
fn delivered_trace_ids(receiver: &Receiver) -> BTreeMap<(String, UserId), BTreeSet<String>> {
    let mut heard = BTreeMap::<_, BTreeSet<String>>::new();
    for delivery in receiver.received() {
        let body = delivery.json();
        let user = body["user"]["user_id"].as_str().unwrap().parse().unwrap();
        let change = (body["type"].as_str().unwrap().to_owned(), user);
        heard.entry(change).or_default().insert(delivery.trace_id().to_owned());
    }
    heard
}

/// Splitmix64: the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
